"""A study finds its run, and computes the same in batches and on any device."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
import torch

from condvae.data.dataset import Dataset
from condvae.errors import DataError, RunError
from condvae.evaluation.evaluate import evaluate
from condvae.evaluation.importance import log_likelihood
from condvae.evaluation.part import parts
from condvae.evaluation.study import Study
from condvae.images import unit
from condvae.run import SHIPPED, Run
from condvae.seeds import seeded
from tests.evaluation.runs import FEW, untrained
from tests.inference.elsewhere import DEVICE, Elsewhere, PretendDevice

# these train classifiers or models, with operations that the stand-in for a GPU does not know
ROUNDING = 1e-2  # the same operations, in another order
ON_DEVICE = [name for name in parts() if name not in ("classifier_score", "augmentation", "labels")]


def test_a_run_by_its_folder_and_by_name(bars_study: Study) -> None:
    path = bars_study.run.path
    assert Study(path).run == Study(str(path)).run == Study(Run(path)).run == bars_study.run
    assert Study("pretrained").run.path == SHIPPED
    with pytest.raises(RunError, match="There is no run folder nowhere"):
        Study("nowhere")


def test_other_data_than_in_training_is_refused(bars_study: Study, mnist: Dataset) -> None:
    with pytest.raises(DataError, match=r"'mnist' holds images \(1, 28, 28\) .* was trained on images \(3, 5, 7\)"):
        _ = Study(bars_study.run, mnist).whole


def test_test_images_are_binarised_in_batches_as_at_once(binary: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    with seeded(0):
        whole = binary.model.observe(unit(torch.from_numpy(binary.data.test.images)))
    monkeypatch.setattr("condvae.evaluation.study.unit_batches.__defaults__", (7,))
    assert torch.equal(binary.observed, whole)


@contextmanager
def elsewhere() -> Iterator[None]:
    """Inside, a device exists that refuses tensors of the CPU, and models can be moved to it."""
    autocast, before = torch.autocast, torch.__future__.get_overwrite_module_params_on_conversion()

    def known_here(kind: str, *rest: object, **options: object) -> object:
        """The stand-in has no mixed precision that could be switched off."""
        return nullcontext() if kind == DEVICE.type else autocast(kind, *rest, **options)

    torch.__future__.set_overwrite_module_params_on_conversion(True)
    with PretendDevice(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "autocast", known_here)
        yield
    torch.__future__.set_overwrite_module_params_on_conversion(before)


@pytest.mark.usefixtures("small", "quick_judge")
@pytest.mark.parametrize("prior", ["standard", "gaussian"])  # the stand-in cannot compute the density of a flow
def test_an_evaluation_is_the_same_on_another_device(
    bars: Dataset, tmp_path: Path, prior: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("condvae.model.devices.has_bf16", lambda _: False)  # the same precision on both
    model = {"conditions": ("label", "slant"), "condition_dropout": 0.1, "likelihood": "bernoulli", "prior": prior}
    here = untrained(tmp_path / "run", bars, **model)
    ours = [figure for _, _, figure in evaluate(here, ON_DEVICE, FEW).figures()]
    here.run.evaluation.unlink()
    there = Study(here.run, bars)
    with elsewhere():
        there.model.to(DEVICE)
        assert there.judge.head.weight.device == DEVICE
        theirs = [figure for _, _, figure in evaluate(there, ON_DEVICE, FEW).figures()]
        likelihoods = log_likelihood(there.model, there.observed[:3], there.test_rows[:3], samples=2).whole
    assert not isinstance(likelihoods, Elsewhere)
    for one, other in zip(ours, theirs, strict=True):
        assert (one.count, one.protocol) == (other.count, other.protocol)
        assert one.value == pytest.approx(other.value, rel=ROUNDING, abs=ROUNDING)
