"""The share that a process has of a batch, if several processes train one model.

Random numbers belong to the image and the step, and not to the process: each process draws them for all images of the
batch, from the same seed, and uses those of its own images. So several processes take the same steps as one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributed.nn.functional import all_reduce


class Share(NamedTuple):
    """The images of a batch that one of several processes has: `start` to `stop` - 1. The first ones may have one more.

    Attributes:
        total: the number of images in the whole batch.
        rank: the number of the process.
        processes: how many there are.
    """

    total: int
    rank: int
    processes: int

    @property
    def weight(self) -> float:
        """1. 0 for a process without an image of its own, which computes the first one, and to no effect."""
        return float(self.rank < self.total)

    @property
    def start(self) -> int:
        """The first image."""
        least, more = divmod(self.total, self.processes)
        return self.rank * least + min(self.rank, more) if self.weight else 0

    @property
    def stop(self) -> int:
        """The image after the last one."""
        least, more = divmod(self.total, self.processes)
        return self.start + least + (self.rank < more) if self.weight else 1


_current: ContextVar[Share | None] = ContextVar("share", default=None)


@contextmanager
def sharing(share: Share | None) -> Iterator[None]:
    """Inside, tensors have the images of a share. None is the whole batch."""
    token = _current.set(share)
    try:
        yield
    finally:
        _current.reset(token)


def is_shared() -> bool:
    """Whether tensors have a share of a batch."""
    return _current.get() is not None


def for_rows(count: int, draw: Callable[[int], Tensor]) -> Tensor:
    """Random numbers for `count` rows: one for each image of this process, or a multiple, group after group.

    Args:
        count: the number of rows.
        draw: a function that draws as many rows as it is asked for, (n, ...).
    """
    share = _current.get()
    if share is None:
        return draw(count)
    groups = count // (share.stop - share.start)
    every = draw(groups * share.total).unflatten(0, (groups, share.total))
    return every[:, share.start : share.stop].flatten(0, 1)


def in_place(values: Tensor) -> Tensor:
    """The batch with the images of this process in their places, and zeros elsewhere: (B, ...) to (total, ...)."""
    share = _current.get()
    if share is None:
        return values
    every = values.new_zeros(share.total, *values.shape[1:])
    every[share.start : share.stop] = values
    return every


def own_of(values: Tensor) -> Tensor:
    """The rows of the images of this process: (total, ...) to (B, ...)."""
    share = _current.get()
    return values if share is None else values[share.start : share.stop]


def mean_of_batch(values: Tensor) -> Tensor:
    """The mean over the images of the whole batch, from those of this process: (B, ...) to (...)."""
    share = _current.get()
    if share is None:
        return values.mean(0)
    found: Tensor = all_reduce(share.weight * values.sum(0) / share.total)
    return found


def mean_for_processes(values: Tensor) -> Tensor:
    """A value for each image of this process as a scalar, whose mean over the processes is that over all images."""
    share = _current.get()
    return values.mean() if share is None else share.weight * share.processes * values.sum() / share.total


def first_of_batch(values: Tensor, count: int) -> Tensor:
    """The first rows of the whole batch, at most `count`, on every process: (B, ...) to (count, ...)."""
    share = _current.get()
    if share is None:
        return values[:count]
    parts = []
    for other in range(min(share.processes, share.total)):
        theirs = share._replace(rank=other)
        size = min(theirs.stop, count) - theirs.start
        if size <= 0:
            break
        part = values[:size].contiguous() if other == share.rank else values.new_empty(size, *values.shape[1:])
        torch.distributed.broadcast(part, other)
        parts.append(part)
    return torch.cat(parts)
