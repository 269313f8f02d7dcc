"""`condvae train` in one process, which computes the halves of a batch that two would have, one after the other.

The gradients of both halves are added up, as two processes do it. Two processes therefore end with other weights only
if their work is another.
"""

import sys
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from condvae.cli.main import main as condvae
from condvae.model.shares import Share
from condvae.training.module import Batch, CVAEModule

PROCESSES = 2
COMMAND = ["-c", "import sys; from benchmarks.halves import main; sys.exit(main())"]  # of Python


class Halves(CVAEModule):
    """A training step of two processes, in one."""

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """The mean of the losses of both. The first half of a batch has all images of the term for shared styles."""
        random, self.losses, self.first = torch.get_rng_state(), [], list[Tensor]()
        for self.rank_now in range(PROCESSES):
            torch.set_rng_state(random)  # both draw the same numbers
            share = Share(len(batch[0]), self.rank_now, PROCESSES)
            with patch("condvae.training.module.first_of_batch", self.first_of_batch):
                self.losses.append(super().training_step([one[share.start : share.stop] for one in batch], index))
        return torch.stack(self.losses).mean()

    def backward(self, loss: Tensor, *args: Any, **options: Any) -> None:
        for one in self.losses:
            (one / PROCESSES).backward()

    def first_of_batch(self, values: Tensor, count: int) -> Tensor:
        """The first rows of the whole batch: those that the first half had, one tensor after the other."""
        if self.rank_now:
            return self.first.pop(0)
        self.first.append(values[:count])
        return self.first[-1]

    def _share(self, total: int) -> Share | None:
        return Share(total, self.rank_now, PROCESSES) if self.trainer.training else super()._share(total)


def main() -> int:
    with patch("condvae.training.fit.CVAEModule", Halves):
        return condvae(["train", *sys.argv[1:]])
