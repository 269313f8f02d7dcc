"""The share of a batch that a process has: random numbers belong to the images, whichever process has them."""

import pytest
import torch
from torch import Tensor

from condvae.model.distributions import gaussian
from condvae.model.networks import Dropout
from condvae.model.shares import Share, for_rows, in_place, mean_for_processes, own_of, sharing


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
@pytest.mark.parametrize("total", [1, 2, 7, 100])
def test_every_image_has_one_process(total: int, processes: int) -> None:
    shares = [Share(total, rank, processes) for rank in range(processes)]
    assert [place for one in shares if one.weight for place in range(one.start, one.stop)] == list(range(total))
    assert all(one.stop - one.start == 1 for one in shares if not one.weight)


def draws(share: Share | None, x: Tensor) -> list[Tensor]:
    """Everything that is random, for the images of a share."""
    torch.manual_seed(3)
    dropout = Dropout(0.3)
    with sharing(share):
        own = own_of(x) if share is None else x[share.start : share.stop]
        return [
            for_rows(len(own), lambda count: torch.rand(count, 4)),
            dropout(own + 1),
            dropout((own + 1).repeat(3, 1)).unflatten(0, (3, -1)).transpose(0, 1),
            gaussian(own, own).rsample(),
            gaussian(own, own).rsample((5,)).transpose(0, 1),
            own_of(torch.bernoulli(in_place(own))),
        ]


@pytest.mark.parametrize("total", [1, 7, 100])
def test_images_have_the_same_random_numbers_in_any_process(total: int) -> None:
    x = torch.rand(total, 6, generator=torch.Generator().manual_seed(0))
    alone = draws(None, x)
    for rank in range(3):
        share = Share(total, rank, 3)
        for mine, every in zip(draws(share, x), alone, strict=True):
            assert torch.equal(mine, every[share.start : share.stop])


def test_the_mean_of_the_processes_is_that_of_the_images() -> None:
    values = torch.rand(7)
    means = []
    for rank in range(3):
        share = Share(7, rank, 3)
        with sharing(share):
            means.append(mean_for_processes(values[share.start : share.stop]))
    assert torch.stack(means).mean() == pytest.approx(values.mean().item())
    assert mean_for_processes(values) == values.mean()
