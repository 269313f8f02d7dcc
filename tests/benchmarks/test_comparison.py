"""The sides of a comparison can be compared: they have equal models and steps, and the floor has the right products."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import sides
from benchmarks.floor import Floor, linear_layers
from benchmarks.plain import PlainCVAE
from condvae.data.dataset import Dataset
from condvae.images import unit
from condvae.model.cvae import CVAE
from condvae.model.networks import Dropout
from condvae.recipe import load_recipe
from condvae.schema import Schema
from condvae.training.fit import fit
from condvae.training.module import CVAEModule

DIGITS = Schema((1, 28, 28), tuple("0123456789"))
BATCH, STEPS = 100, 10
DROPOUT = 0.25  # of recipe paper and of the plain experiment


def test_the_floor_has_the_products_of_a_step() -> None:
    """PyTorch counts as many floating-point operations for the floor as for a step of the model."""
    model = CVAE(load_recipe("paper").model, DIGITS)
    floor = Floor(linear_layers(model), BATCH)
    with FlopCounterMode(display=False) as own:
        floor.step()
    with FlopCounterMode(display=False) as whole:
        model.elbo(torch.rand(BATCH, 1, 28, 28), torch.arange(BATCH) % 10, 0.0).value.mean().backward()
    assert own.get_total_flops() == whole.get_total_flops()


class Masks(nn.Module):
    """Dropout with given masks, one for each step."""

    def __init__(self, masks: list[Tensor]) -> None:
        super().__init__()
        self.masks, self.step = masks, 0

    def forward(self, x: Tensor) -> Tensor:
        self.step += 1
        return x * self.masks[self.step - 1]


def drawn_masks(*widths: int) -> list[list[Tensor]]:
    """Masks for layers of these widths: for each layer one mask a step."""
    return [[(torch.rand(BATCH, width) >= DROPOUT) / (1 - DROPOUT) for _ in range(STEPS)] for width in widths]


def with_masks(layers: nn.Sequential, masks: list[list[Tensor]]) -> nn.Sequential:
    """The layers, with given masks instead of dropout."""
    given = iter(masks)
    return nn.Sequential(*(Masks(next(given)) if isinstance(one, (Dropout, nn.Dropout)) else one for one in layers))


def test_the_plain_model_and_ours_are_one_model(mnist: Dataset) -> None:
    """Equal weights, batches, masks and noise give equal losses, step after step, with plain and with fused Adam."""
    torch.manual_seed(0)
    ours, plain = CVAE(load_recipe("paper").model, DIGITS).train(), PlainCVAE().train()
    q, decoder = ours.posterior, ours.likelihood.decoder
    own = [*q.encoder.layers, q.mean, q.logvar, *decoder.layers, decoder.pixels]
    for one, other in zip(own, [*plain.encoder, plain.mean, plain.logvar, *plain.decoder], strict=True):
        other.load_state_dict(one.state_dict())
    encoding, decoding = drawn_masks(512, 256, 128), drawn_masks(128, 256, 512)
    q.encoder.layers, plain.encoder = with_masks(q.encoder.layers, encoding), with_masks(plain.encoder, encoding)
    decoder.layers, plain.decoder = with_masks(decoder.layers, decoding), with_masks(plain.decoder, decoding)
    optimizers = torch.optim.Adam(ours.parameters(), 1e-3, fused=True), plain.configure_optimizers()
    for step in range(STEPS):
        batch = mnist.train.take(slice(step * BATCH, (step + 1) * BATCH))
        x, labels = unit(torch.from_numpy(batch.images)), torch.from_numpy(batch.labels)
        torch.manual_seed(step)
        our_loss = -ours.elbo(x, labels, 0.0).value.mean()
        torch.manual_seed(step)
        plain_loss = nn.functional.mse_loss(plain(x, labels), x)
        assert our_loss.item() == pytest.approx(plain_loss.item(), rel=1e-4), "rounding of the two kinds of Adam"
        for loss, optimizer in zip((our_loss, plain_loss), optimizers, strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def test_both_sides_take_the_steps_that_they_are_timed_for(mnist: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr(sides.Clock, "on_train_end", lambda clock, trainer, module: taken.append(trainer.global_step))
    limits: dict[str, Any] = {"max_epochs": 1, "limit_val_batches": 0, "limit_train_batches": STEPS}
    sides.train_plain(mnist, **limits)
    sides.train_recipe(load_recipe("paper"), mnist, **limits)
    sides.train_recipe(load_recipe("fast"), mnist, **limits)
    assert taken == [STEPS, STEPS, STEPS]


class NoWaiting(TorchDispatchMode):
    """Refuses every operation that reads a value back from the device."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert function._overloadpacket._qualified_op_name not in {"aten::_local_scalar_dense", "aten::nonzero"}
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("recipe", ["paper", "fast"])
def test_a_step_that_is_not_logged_does_not_wait_for_the_device(
    recipe: str, mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU, reading a value back stops the queue. A CPU runs the same operations, so the test needs no GPU."""
    modes = []

    def start(module: CVAEModule, batch: Any, index: int) -> None:
        modes.append(NoWaiting())
        modes[-1].__enter__()

    monkeypatch.setattr(CVAEModule, "on_train_batch_start", start)
    monkeypatch.setattr(CVAEModule, "on_train_batch_end", lambda *_: modes.pop().__exit__(None, None, None))
    config = load_recipe(recipe)
    limits = {"max_epochs": 1, "limit_train_batches": STEPS, "log_every_n_steps": 50}
    fit(replace(config, trainer={**config.trainer, **limits}), tmp_path / "run", mnist)
    with pytest.raises(AssertionError):
        fit(replace(config, trainer={**config.trainer, **limits, "log_every_n_steps": 1}), tmp_path / "other", mnist)
    modes.pop().__exit__(None, None, None)
