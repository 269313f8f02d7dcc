"""Randomness that follows from numbers: seeds made of others, and the global random state kept as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(*parts: int) -> Iterator[None]:
    """Everything random inside follows from the seed that these numbers give; the random state outside is kept."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(derived_seed(*parts))
        yield


def shuffled(count: int) -> torch.Tensor:
    """The positions 0 to count - 1 in a random order, always the same: int64 (count,)."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))


def derived_seed(*parts: int) -> int:
    """One seed out of several numbers; neighbouring numbers give unrelated seeds, and zeros at the end do not count."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
