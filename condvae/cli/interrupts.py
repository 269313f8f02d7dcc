"""What Ctrl-C says."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def continuable(how: str = "Run the same command again to continue.") -> Iterator[None]:
    """Inside, Ctrl-C says how to continue."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(how) from None
