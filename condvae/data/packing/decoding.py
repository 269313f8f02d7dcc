"""Pictures decoded into rows of a file, in this process or in one that `decoders.py` starts.

Such a process imports this file, `pictures.py` and the module of the pictures, and neither NumPy nor PyTorch.
"""

import os
import pickle
import signal
import sys
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from condvae.data.pictures import eight_bit, fitted, has_no_colour, open_errors, planes, reason
from condvae.errors import DataError

if TYPE_CHECKING:
    from condvae.data.listing import Pictures


class Plan(NamedTuple):
    """How all pictures are decoded.

    Attributes:
        channels: 1 (grey) or 3 (RGB).
        height: of every image, in pixels.
        width: of every image, in pixels.
        resize: crop, pad or stretch.
        all_grey: whether it was assumed that all pictures are grey. Then each picture is checked.
        all_alike: whether it was assumed that all pictures have this height and width.
    """

    channels: int
    height: int
    width: int
    resize: str
    all_grey: bool
    all_alike: bool

    @property
    def row(self) -> int:
        """Bytes of one image."""
        return self.channels * self.height * self.width


@dataclass
class Found:
    """What was found in some pictures.

    Attributes:
        sizes: number of pictures of each height and width. Damaged pictures are not counted.
        coloured: whether one of them has colour, if that was checked.
        damaged: position and reason of each damaged picture.
    """

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    coloured: bool = False
    damaged: list[tuple[int, str]] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        """Add what was found in other pictures."""
        self.sizes.update(other.sizes)
        self.coloured |= other.coloured
        self.damaged += other.damaged


class Span(NamedTuple):
    """The positions of consecutive pictures, `start` to before `stop`."""

    start: int
    stop: int


class Refused(NamedTuple):
    """An error of the operating system while rows were written, in a process that decodes."""

    number: int
    text: str


def decode(pictures: "Pictures", plan: Plan, file: Path, span: Span) -> Found:
    """Decode pictures, and write them to their rows of a file. A damaged picture becomes a row of zeros.

    Raises:
        OSError: the rows cannot be written.
        DataError: the file that has the pictures is damaged.
    """
    found, rows = Found(), []
    channels, resize, all_grey = plan.channels, plan.resize, plan.all_grey
    size = (plan.height, plan.width)
    black = bytes(plan.row)
    for position in range(*span):
        try:
            with pictures.open(position) as picture:
                # colour is looked for at full size
                whole, own = eight_bit(picture) if all_grey else eight_bit(picture, channels, size, resize)
        except open_errors as error:
            found.damaged.append((position, reason(error)))
            rows.append(black)
            continue
        found.sizes[own] += 1
        if all_grey and not has_no_colour(whole):
            found.coloured = True
        rows.append(planes(fitted(whole, size, resize), channels))
    _write(file, span.start * plan.row, b"".join(rows))
    return found


def _write(file: Path, offset: int, content: bytes) -> None:
    with file.open("r+b", buffering=0) as opened:
        opened.seek(offset)
        left = memoryview(content)
        while left:  # a disk that is nearly full takes a part
            left = left[opened.write(left) :]


def serve() -> None:
    """Decode what is asked on standard input, until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    asked, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    try:
        pictures: Pictures = pickle.load(asked)
        while True:
            plan, file, span = pickle.load(asked)
            try:
                answer: Found | Refused | DataError = decode(pictures, plan, file, span)
            except DataError as error:
                answer = error
            except OSError as error:
                answer = Refused(error.errno or 0, error.strerror or str(error))
            pickle.dump(answer, answers)
            answers.flush()
    except (EOFError, BrokenPipeError):
        return  # the process that asked has ended
