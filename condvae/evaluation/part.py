"""What a part of the evaluation is: one record in one module of `condvae/evaluation/parts/`.

A new part needs a new module there and nothing else. Its command-line option, its section in the report and its key in
evaluation.json follow from its record.
"""

import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any, TypeAlias

from condvae.errors import ConfigError, unknown
from condvae.evaluation import parts as folder
from condvae.evaluation.measurement import Measurement
from condvae.evaluation.protocol import Protocol
from condvae.evaluation.study import Study


class Section:
    """Base class of results: dataclasses with Measurements, each with a "title" in the metadata of its field.

    A field may also hold None, several Measurements, a Section of its own, or several. What has no title is kept in
    evaluation.json, and not shown.
    """

    @property
    def heading(self) -> str:
        """What distinguishes this section from others of the same part. Empty if nothing does."""
        return ""

    @property
    def headline(self) -> tuple[str, str] | None:
        """A name and a value for the top of the report. None if the section has no such value."""
        return None

    @property
    def verdict(self) -> str | None:
        """What follows from the figures, in sentences. None if the figures speak for themselves."""
        return None

    def own(self) -> dict[str, Measurement | None]:
        """The figures of the section itself by their titles. None where there is nothing to measure."""
        found: dict[str, Measurement | None] = {}
        for field in fields(self):  # type: ignore[arg-type]  # each section is a dataclass
            value, title = getattr(self, field.name), field.metadata.get("title")
            if title and isinstance(value, tuple):
                found |= {f"{title} {number}": one for number, one in enumerate(value)}
            elif title:
                found[title] = value
        return found

    def walk(self) -> Iterator[tuple[tuple[str, ...], "Section"]]:
        """The section and all sections in it, each with the headings that lead to it."""
        path = (self.heading,) if self.heading else ()
        yield path, self
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, Section):
                    yield from (((*path, *rest), section) for rest, section in one.walk())

    def figures(self, name: str) -> Iterator[tuple[str, str, Measurement]]:
        """All figures of the section: the heading that they belong to, the title of each, and the figure itself.

        Args:
            name: the title of the part.
        """
        for path, section in self.walk():
            heading = ", ".join((name, *path))
            yield from ((heading, title, figure) for title, figure in section.own().items() if figure)


Sections: TypeAlias = Section | tuple[Section, ...]


@dataclass(frozen=True)
class Part:
    """A part of the evaluation.

    Attributes:
        name: the name of its module, in evaluation.json and on the command line.
        title: the heading of its section in the report.
        order: parts are measured and shown by increasing order.
        kind: the type of its result, a Section or a tuple of them.
        measure: a study and the protocol to a result.
        applies: whether there is anything to measure of a study.
        needs: what the model and its data must have for that, in words.
        judged: whether a classifier judges images.
        quick: whether it takes only seconds, so that the report always measures it.
        by_default: whether it is measured of a study to which it applies if no parts are named.
    """

    name: str
    title: str
    order: int
    kind: Any
    measure: Callable[[Study, Protocol], Sections]
    applies: Callable[[Study], bool] = lambda _: True
    needs: str = "a trained model"
    judged: bool = False
    quick: bool = False
    by_default: Callable[[Study], bool] = lambda _: True

    @property
    def nothing_to_measure(self) -> str:
        """The sentence for a study to which the part does not apply."""
        return f"There is nothing to measure for '{self.name}': it needs {self.needs}."


def parts() -> dict[str, Part]:
    """All parts by their names, in the order in which they are measured and shown."""
    names = [module.name for module in pkgutil.iter_modules(folder.__path__)]
    found: list[Part] = [import_module(f"{folder.__name__}.{name}").PART for name in names]
    return {part.name: part for part in sorted(found, key=lambda part: part.order)}


# names of parts in earlier versions
RENAMED = {"leak": "styles", "obedience": "control", "generation": "realism", "score": "classifier_score"}


def find_part(name: str) -> Part:
    """A part by its name.

    Raises:
        ConfigError: there is no such part. For a name of an earlier version, the message has the new one.
    """
    known = parts()
    if name in known:
        return known[name]
    if name in RENAMED:
        raise ConfigError(f"The part '{name}' of the evaluation is called '{RENAMED[name]}' now. Use that name.")
    raise ConfigError(unknown("part of the evaluation", name, known))
