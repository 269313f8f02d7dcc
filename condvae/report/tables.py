"""The figures of an evaluation as tables. Sections that have the same figures are rows of one table."""

from collections.abc import Iterator
from dataclasses import dataclass

from condvae.evaluation.evaluate import Evaluation
from condvae.evaluation.measurement import Measurement


@dataclass(frozen=True)
class Row:
    """The figures of one section.

    Attributes:
        name: what distinguishes the section from the others of its table. Empty if nothing does.
        figures: one for each column of the table. None where there is nothing to measure.
    """

    name: str
    figures: tuple[Measurement | None, ...]


@dataclass(frozen=True)
class Table:
    """Figures side by side.

    Attributes:
        heading: the title of the part that they belong to.
        titles: the names of the columns.
        rows: the sections.
    """

    heading: str
    titles: tuple[str, ...]
    rows: tuple[Row, ...]

    def protocols(self) -> Iterator[tuple[str, Measurement]]:
        """Each way in which figures were measured: which figures they are, and one of them."""
        for row in self.rows:
            found: dict[tuple[str, int], tuple[list[str], Measurement]] = {}
            for title, figure in zip(self.titles, row.figures, strict=True):
                if figure:
                    found.setdefault((figure.protocol, figure.count), ([], figure))[0].append(title)
            for titles, figure in found.values():
                yield ": ".join(filter(None, (row.name, ", ".join(titles)))), figure


def tables(evaluation: Evaluation) -> list[Table]:
    """All figures, in the order of the parts. Sections come before those in them, and those that end alike together."""
    found: dict[tuple[str, tuple[str, ...]], list[tuple[tuple[str, ...], Row]]] = {}
    for part, section in evaluation.sections():
        for path, one in section.walk():
            own = one.own()
            if any(own.values()):
                row = Row(", ".join(path), tuple(own.values()))
                found.setdefault((part.title, tuple(own)), []).append((path, row))
    return [Table(heading, titles, _in_order(rows)) for (heading, titles), rows in found.items()]


def _in_order(rows: list[tuple[tuple[str, ...], Row]]) -> tuple[Row, ...]:
    """Rows with their headings: those with fewer headings first, and those with the same last one together."""
    ends = [path[-1:] for path, _ in rows]
    return tuple(row for path, row in sorted(rows, key=lambda pair: (len(pair[0]), ends.index(pair[0][-1:]))))
