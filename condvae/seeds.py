"""Seeds: one seed derived from several numbers, and random numbers that leave the global random state as it was."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def seeded(*parts: int) -> Iterator[None]:
    """Inside, everything random follows from these numbers. Outside, the random state stays as it was."""
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else ()
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(derived_seed(*parts))
        yield


def shuffled(count: int) -> torch.Tensor:
    """The positions 0 to count - 1 in a random order that is always the same: int64 (count,)."""
    return torch.randperm(count, generator=torch.Generator().manual_seed(0))


def derived_seed(*parts: int) -> int:
    """One seed from several numbers. Neighbouring numbers give unrelated seeds. Zeros at the end do not count."""
    return int(np.random.SeedSequence(parts).generate_state(1)[0])
