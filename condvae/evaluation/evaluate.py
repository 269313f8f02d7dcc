"""A trained model and its data become an `Evaluation`: every figure with its protocol, number of items and error."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from condvae.errors import CondvaeError
from condvae.evaluation.measurement import Measurement
from condvae.evaluation.part import Part, Section, Sections, find_part, parts
from condvae.evaluation.protocol import Protocol
from condvae.evaluation.study import Study
from condvae.plain import plain, restored
from condvae.progress import announce
from condvae.storage.files import sha256, write_text

EDITION = 4  # increase it when figures of the same model can no longer be compared with earlier ones


@dataclass(frozen=True)
class Evaluation:
    """How good a model is, in parts: `evaluation["reconstruction"].mse.value`.

    Attributes:
        weights: SHA-256 digest of the weights that were measured.
        edition: the edition of the protocols, EDITION.
        judge: the name and the accuracy of the classifier that judged images. None if nothing was judged.
        parts: the result of each part that was measured.
    """

    weights: str
    edition: int = EDITION
    judge: str | None = None
    parts: Mapping[str, Sections] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """The result of a part, a Section or a tuple of them. None if the part was not measured or does not apply.

        Raises:
            ConfigError: there is no such part.
        """
        return self.parts.get(find_part(name).name)

    def sections(self) -> Iterator[tuple[Part, Section]]:
        """Every section that was measured, with the part that it belongs to, in the order of the parts."""
        for part in parts().values():
            found = self.parts.get(part.name, ())
            yield from ((part, section) for section in (found if isinstance(found, tuple) else (found,)))

    def figures(self) -> Iterator[tuple[str, str, Measurement]]:
        """Every figure: its heading, its title, and the figure itself."""
        for part, section in self.sections():
            yield from section.figures(part.title)

    def verdicts(self) -> list[tuple[str, str]]:
        """What follows from the figures: the title of a part, and sentences."""
        return [(part.title, section.verdict) for part, section in self.sections() if section.verdict]

    def headlines(self) -> list[tuple[str, str]]:
        """Names and values for the top of a report."""
        found = (section.headline for _, section in self.sections())
        return [headline for headline in found if headline]


def quick_parts() -> list[str]:
    """Names of the parts that take only seconds, which the report always measures."""
    return [name for name, part in parts().items() if part.quick]


def evaluate(study: Study, only: Sequence[str] = (), protocol: Protocol | None = None) -> Evaluation:
    """Measure a trained model on its data. The same model gives the same figures.

    Args:
        study: the run.
        only: names of the parts to measure. If it is empty, all are measured but those that are worth their time for
            other data only (`Part.by_default`). The others are kept as evaluation.json has them for these weights.
        protocol: what can be chosen of how it is measured.

    Raises:
        ConfigError: there is no such part.
        DataError: the data is not available.
        StorageError: the run folder cannot be written.
    """
    chosen = [find_part(name) for name in only] or list(parts().values())
    found = load_evaluation(study)
    for number, part in enumerate(chosen, start=1):
        if part.applies(study) and (only or part.by_default(study)):
            announce(f"Measuring {part.name} ({number} of {len(chosen)})")
            result = part.measure(study, protocol or Protocol())
            judge = study.judge.description if part.judged and study.judge else found.judge
            found = replace(found, judge=judge, parts={**found.parts, part.name: result})
        save_evaluation(study, found)
    return found


def load_evaluation(study: Study) -> Evaluation:
    """The evaluation of these weights in the run folder.

    It is without figures if there is none, if it is damaged, or if its edition is another one.
    """
    nothing = Evaluation(sha256(study.run.weights))
    try:
        content = json.loads(study.run.evaluation.read_text("utf-8"))
        if (content["weights"], content["edition"]) != (nothing.weights, EDITION):
            return nothing
        return evaluation_from(content)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, CondvaeError):
        return nothing


def evaluation_from(content: Mapping[str, Any]) -> Evaluation:
    """An evaluation from the content of its file, see `plain`. Parts that this version does not have are left out.

    Raises:
        ConfigError: a part has other fields than it should have.
    """
    known = parts()
    results = {
        name: restored(known[name].kind, result, name) for name, result in content["parts"].items() if name in known
    }
    return Evaluation(content["weights"], content["edition"], content["judge"], results)


def save_evaluation(study: Study, evaluation: Evaluation) -> None:
    """Write evaluation.json into the run folder."""
    write_text(study.run.evaluation, json.dumps(plain(evaluation), indent=2) + "\n")
