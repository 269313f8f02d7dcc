"""The journal of an unfinished pack: its plan, and what was found in the pictures whose rows are safely on disk."""

import json
import os
from pathlib import Path

from condvae.data.packing.decoding import Found, Plan, Span
from condvae.storage.files import write_text

JOURNAL = "journal.jsonl"
Piece = tuple[Span, Found]


class Journal:
    """A file of JSON lines: first the plan, then a line for each span of pictures that is done.

    Attributes:
        plan: the plan. None if there is no journal, or the images do not belong to it.
        done: what was found in the pictures that are done.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.path, self.folder, self.count = folder / JOURNAL, folder, count
        self.plan: Plan | None = None
        self.done: list[Piece] = []
        self._read()

    @property
    def images(self) -> Path:
        """The file of the images. Its name has their shape: what another process still writes is for another file."""
        assert self.plan
        return self.folder / f"images-{self.plan.channels}x{self.plan.height}x{self.plan.width}.uint8"

    @property
    def size(self) -> int:
        """Bytes of the file of the images."""
        assert self.plan
        return self.count * self.plan.row

    def start(self, plan: Plan) -> None:
        """Begin again with another plan."""
        for old in self.folder.glob("images-*.uint8"):
            old.unlink()
        self.plan, self.done = plan, []
        write_text(self.path, json.dumps(plan) + "\n")
        with self.images.open("wb") as file:
            file.truncate(self.size)

    def add(self, pieces: list[Piece]) -> None:
        """Write down pieces whose rows were written."""
        with self.images.open("rb+") as file:
            os.fsync(file.fileno())
        with self.path.open("a", encoding="ascii") as file:
            file.writelines(_line(*piece) for piece in pieces)
            file.flush()
            os.fsync(file.fileno())
        self.done += pieces

    def found(self) -> Found:
        """What was found in all pictures that are done."""
        total = Found()
        for _, found in self.done:
            total.add(found)
        return total

    def gaps(self) -> list[Span]:
        """The pictures that are not done."""
        edges = [0, *(edge for span, _ in sorted(self.done, key=lambda one: one[0]) for edge in span), self.count]
        return [Span(*gap) for gap in zip(edges[::2], edges[1::2], strict=True) if gap[0] < gap[1]]

    def _read(self) -> None:
        """Read the file up to the first line that was not written whole."""
        try:
            first, *lines = self.path.read_text("ascii").splitlines(keepends=True)
            self.plan = Plan(*json.loads(first))
            fits = self.images.stat().st_size == self.size
        except (OSError, ValueError, TypeError):
            fits = False
        if not fits:
            self.plan = None
            return
        whole = len(first)
        for line in lines:
            try:
                self.done.append(_piece(line))
            except (ValueError, TypeError):
                break
            whole += len(line)
        os.truncate(self.path, whole)


def _line(span: Span, found: Found) -> str:
    sizes = [[*size, number] for size, number in found.sizes.items()]
    return json.dumps([span, sizes, found.coloured, found.damaged]) + "\n"


def _piece(line: str) -> Piece:
    if not line.endswith("\n"):
        raise ValueError("the line is not whole")
    (start, stop), sizes, coloured, damaged = json.loads(line)
    found = Found(coloured=coloured, damaged=[(position, text) for position, text in damaged])
    found.sizes.update({(height, width): number for height, width, number in sizes})
    return Span(start, stop), found
