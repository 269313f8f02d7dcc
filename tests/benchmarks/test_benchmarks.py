"""The benchmarks in a tiny setting, so that they never rot, and what does not depend on time: steps and losses."""

import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks import harness, sides
from benchmarks.floor import Floor, linear_layers
from benchmarks.plain import PlainCVAE
from condvae.config import load_recipe
from condvae.data.dataset import Dataset
from condvae.images import unit
from condvae.model.cvae import CVAE
from condvae.model.networks import Dropout
from condvae.schema import Schema
from condvae.training.fit import fit
from condvae.training.module import CVAEModule

TINY = {
    "startup": ["--segments", "1"],
    "decoding": ["--segments", "1", "--images", "1000", "--files", "20", "--single", "3", "--million", "21000"],
    "training": ["--segments", "1", "--steps", "5"],
    "profile": ["--steps", "10"],
    "tried": ["--segments", "1", "--steps", "2", "--compile", "0"],
    "scaling": ["--segments", "1", "--steps", "2", "--largest", "15000"],
    "quality": ["--seeds", "1", "--batches", "20"],
    "explorer": ["--models", "1", "--moves", "20", "--segments", "1", "--clients", "3", "--seconds", "1"],
}
DIGITS = Schema((1, 28, 28), tuple("0123456789"))


def test_every_benchmark_is_tested() -> None:
    folder = Path(harness.__file__).parent
    runnable = {path.stem for path in folder.glob("[a-z]*.py") if '__name__ == "__main__"' in path.read_text("utf-8")}
    assert runnable == set(TINY)


@pytest.mark.parametrize("name", TINY)
def test_a_benchmark_in_a_tiny_setting(
    name: str, tmp_path: Path, mnist: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    result = importlib.import_module(f"benchmarks.{name}").main([*TINY[name], "--out", str(tmp_path)])
    written = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
    assert {"benchmark", "date", "commit", "machine", "versions", "tables", "measured"} <= written.keys()
    assert written["versions"]["torch"] == torch.__version__
    printed = capsys.readouterr().out
    for title, rows in result["tables"].items():
        assert title in printed
        assert len(rows) > 0
        assert all(str(value) in printed for row in rows for value in row.values())


def test_ratios_are_taken_round_by_round() -> None:
    clock = iter([1.0, 2.0, 3.0, 9.0, 10.0, 10.0])
    measured = harness.in_turn({"one": lambda: next(clock), "other": lambda: next(clock)}, segments=3)
    assert measured == {"one": [1.0, 3.0, 10.0], "other": [2.0, 9.0, 10.0]}
    assert harness.ratio(measured["other"], measured["one"]) == (2.0, 1.0, 3.0)
    assert harness.difference(measured["other"], measured["one"]) == (1.0, 0.0, 6.0)


def test_the_floor_has_the_products_of_a_step() -> None:
    """Counted by PyTorch's own counter of floating-point operations, for the model and for the floor."""
    from torch.utils.flop_counter import FlopCounterMode

    model = CVAE(load_recipe("paper").model, DIGITS)
    floor = Floor(linear_layers(model), 100)
    with FlopCounterMode(display=False) as own:
        floor.step()
    with FlopCounterMode(display=False) as whole:
        model.elbo(torch.rand(100, 1, 28, 28), torch.arange(100) % 10, 0.0).value.mean().backward()
    assert own.get_total_flops() == whole.get_total_flops()


class Masks(nn.Module):
    """Dropout with masks given beforehand, one for each step."""

    def __init__(self, masks: list[Tensor]) -> None:
        super().__init__()
        self.masks, self.step = masks, 0

    def forward(self, x: Tensor) -> Tensor:
        self.step += 1
        return x * self.masks[self.step - 1]


def with_masks(layers: nn.Sequential, masks: list[list[Tensor]]) -> nn.Sequential:
    """The layers, with each dropout replaced by masks given beforehand."""
    given = iter(masks)
    return nn.Sequential(*(Masks(next(given)) if isinstance(one, (Dropout, nn.Dropout)) else one for one in layers))


def test_the_plain_model_and_ours_are_one_model(mnist: Dataset) -> None:
    """Equal weights, batches, masks and noise give equal losses, step after step, with plain and with fused Adam."""
    torch.manual_seed(0)
    steps, batch, p = 10, 100, 0.25
    ours, plain = CVAE(load_recipe("paper").model, DIGITS).train(), PlainCVAE().train()
    q, decoder = ours.posterior, ours.likelihood.decoder
    own = [*q.encoder.layers, q.mean, q.logvar, *decoder.layers, decoder.pixels]
    for one, other in zip(own, [*plain.encoder, plain.mean, plain.logvar, *plain.decoder], strict=True):
        other.load_state_dict(one.state_dict())

    def masks(*widths: int) -> list[list[Tensor]]:
        return [[(torch.rand(batch, width) >= p) / (1 - p) for _ in range(steps)] for width in widths]

    encoding, decoding = masks(512, 256, 128), masks(128, 256, 512)
    q.encoder.layers, plain.encoder = with_masks(q.encoder.layers, encoding), with_masks(plain.encoder, encoding)
    decoder.layers, plain.decoder = with_masks(decoder.layers, decoding), with_masks(plain.decoder, decoding)
    optimisers = torch.optim.Adam(ours.parameters(), 1e-3, fused=True), plain.configure_optimizers()
    for step in range(steps):
        chosen = slice(step * batch, (step + 1) * batch)
        x, labels = unit(torch.from_numpy(mnist.train.images[chosen])), torch.from_numpy(mnist.train.labels[chosen])
        torch.manual_seed(step)
        our_loss = -ours.elbo(x, labels, 0.0).value.mean()
        torch.manual_seed(step)
        plain_loss = nn.functional.mse_loss(plain(x, labels), x)
        assert our_loss.item() == pytest.approx(plain_loss.item(), rel=1e-4)
        for loss, optimiser in zip((our_loss, plain_loss), optimisers, strict=True):
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()


def test_both_sides_take_the_steps_that_they_are_timed_for(mnist: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    monkeypatch.setattr(sides.Clock, "on_train_end", lambda clock, trainer, module: steps.append(trainer.global_step))
    limits: dict[str, Any] = {"max_epochs": 1, "limit_val_batches": 0}
    sides.train_plain(mnist, limit_train_batches=7, **limits)
    sides.train_recipe(load_recipe("paper"), mnist, limit_train_batches=7, **limits)
    sides.train_recipe(load_recipe("fast"), mnist, limit_train_batches=7, **limits)
    assert steps == [7, 7, 7]


class NoWaiting(TorchDispatchMode):
    """Refuses every operation that reads a value back from the device."""

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert function._overloadpacket._qualified_op_name not in {"aten::_local_scalar_dense", "aten::nonzero"}
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("recipe", ["paper", "fast"])
def test_a_step_that_is_not_logged_does_not_wait_for_the_device(
    recipe: str, mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU each value that is read back stops the queue; seen here on a CPU, where the operations are the same."""
    modes = []

    def start(module: CVAEModule, batch: Any, index: int) -> None:
        modes.append(NoWaiting())
        modes[-1].__enter__()

    monkeypatch.setattr(CVAEModule, "on_train_batch_start", start)
    monkeypatch.setattr(CVAEModule, "on_train_batch_end", lambda *_: modes.pop().__exit__(None, None, None))
    config = load_recipe(recipe)
    limits = {"max_epochs": 1, "limit_train_batches": 5, "log_every_n_steps": 50}
    fit(replace(config, trainer={**config.trainer, **limits}), tmp_path / "run", mnist)
    with pytest.raises(AssertionError):
        fit(replace(config, trainer={**config.trainer, **limits, "log_every_n_steps": 1}), tmp_path / "other", mnist)
    modes.pop().__exit__(None, None, None)
