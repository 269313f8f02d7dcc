"""Progress of long work: what is being done, how far it is, and how long it may still take."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm

SECONDS_PER_LINE = 10.0


@contextmanager
def progress(what: str, total: int, unit: str = "images", done: int = 0) -> Iterator[Callable[[int], None]]:
    """Show progress on stderr: a bar on a terminal and in a notebook, otherwise a line every ten seconds.

        with progress("Encoding", len(images)) as advance:
            for batch in batches:
                ...
                advance(len(batch))

    Args:
        what: the work, as the beginning of a sentence.
        total: how many units there are.
        unit: what is counted, in the plural.
        done: units that were done before.

    Yields:
        A function to call with the number of units just finished.
    """
    if sys.stderr.isatty() or in_notebook():
        with tqdm(total=total, initial=done, desc=what, unit=f" {unit}", unit_scale=True, leave=False) as bar:
            yield bar.update
    else:
        yield _Lines(what, total, unit, done).advance


def in_notebook() -> bool:
    """Whether a cell of a notebook is running, in Jupyter, VS Code or Colab."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")


def advise(text: str) -> None:
    """Say on stderr what the user should know, in whole sentences."""
    print(text, file=sys.stderr, flush=True)


def announce(what: str) -> None:
    """Say on stderr what begins now, for work of which nobody can say how far it is."""
    print(f"{what} ...", file=sys.stderr, flush=True)


class _Lines:
    def __init__(self, what: str, total: int, unit: str, done: int) -> None:
        self.what, self.total, self.unit, self.before, self.done = what, total, unit, done, done
        self.start = self.last = time.monotonic()

    def advance(self, count: int) -> None:
        self.done += count
        now = time.monotonic()
        if now - self.last < SECONDS_PER_LINE or self.done >= self.total:
            return
        self.last = now
        left = (now - self.start) * (self.total - self.done) / max(1, self.done - self.before)
        figures = f"{self.done:,} of {self.total:,} {self.unit}, about {_duration(left)} left"
        print(f"{self.what}: {figures}", file=sys.stderr, flush=True)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"
