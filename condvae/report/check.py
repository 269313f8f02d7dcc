"""A page about a data set: one self-contained HTML file with counts, findings, and pictures of both."""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from condvae.data.check import Check, Finding
from condvae.images import png
from condvae.report.page import template
from condvae.storage.files import write_text

EXAMPLES = 8  # images of each class
MOST_CLASSES = 100  # classes of which images are shown
MOST_CASES = 24  # cases of a finding that are shown
MOST_PICTURES = 4  # pictures of a case that are shown


@dataclass(frozen=True)
class Shown:
    """A picture on the page.

    Attributes:
        data: the PNG file in base64.
        caption: what it is, in lines.
    """

    data: str
    caption: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """A class, with the number of its images in each part and some of them."""

    name: str
    counts: tuple[int, ...]
    pictures: tuple[Shown, ...]


def write_check(check: Check, path: Path) -> None:
    """Write the page.

    Raises:
        StorageError: the file cannot be written.
    """
    page = template("check.html").render(
        check=check,
        rows=_rows(check),
        cases={finding.title: _cases(check, finding) for finding in check.findings},
        most_classes=MOST_CLASSES,
        most_cases=MOST_CASES,
    )
    write_text(path, page)


def _rows(check: Check) -> list[Row]:
    rows = []
    for label, name in enumerate(check.classes):
        counts = tuple(counts[label] for counts in check.counts.values())
        chosen = np.flatnonzero(check.labels == label)[: EXAMPLES if label < MOST_CLASSES else 0]
        rows.append(Row(name, counts, tuple(_shown(check, position) for position in chosen.tolist())))
    return rows


def _cases(check: Check, finding: Finding) -> list[tuple[str, list[Shown], int]]:
    """For each case what it is, some of its pictures, and how many more there are. Without pictures, the text alone."""
    if not finding.groups:
        return [(line, [], 0) for line in finding.lines[:MOST_CASES]]
    found = []
    for line, items in zip(finding.lines[:MOST_CASES], finding.groups, strict=False):
        alike = len({(item.part, item.label) for item in items}) == 1  # then the text says it
        details = ["" if alike else ", ".join(filter(None, (item.part, item.label))) for item in items]
        pictures = [
            _shown(check, item.position, item.name, detail)
            for item, detail in zip(items[:MOST_PICTURES], details, strict=False)
        ]
        found.append((line.partition(":")[0], pictures, len(items) - len(pictures)))
    return found


def _shown(check: Check, position: int, *caption: str) -> Shown:
    (image,) = check.images[np.array([position])]
    return Shown(b64encode(png(image)).decode("ascii"), caption)
