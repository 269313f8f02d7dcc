"""The shipped judge is what its card says, and its training command trains."""

import numpy as np
import pytest
import torch

from condvae import judge as judge_module
from condvae.data import Dataset
from condvae.errors import RunError
from condvae.judge import JudgeTraining, judge_card, load_judge, train_judge
from condvae.sampling import unit


def test_the_judge_is_as_accurate_as_its_card_says(mnist: Dataset) -> None:
    labels = torch.from_numpy(mnist.test.labels)
    accuracy = load_judge().correct(unit(torch.from_numpy(mnist.test.images)), labels).mean().item()
    assert accuracy >= 0.995
    assert accuracy == pytest.approx(judge_card()["test_accuracy"], abs=2e-4)
    assert judge_module.WEIGHTS.stat().st_size <= 2_000_000


def test_a_changed_judge_is_refused(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("judge-mnist.safetensors", "judge-mnist.json"):
        content = bytearray((judge_module.WEIGHTS.parent / name).read_bytes())
        if name.endswith("safetensors"):
            content[-1] ^= 1
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(judge_module, "WEIGHTS", tmp_path / "judge-mnist.safetensors")
    with pytest.raises(RunError, match=r"its card says .* Install condvae again"):
        load_judge()


def test_training_a_judge_learns_and_saving_keeps_it(mnist: Dataset, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    images, labels = unit(torch.from_numpy(mnist.train.images[:3000])), torch.from_numpy(mnist.train.labels[:3000])
    *_, (epoch, loss, judge) = train_judge(images, labels, JudgeTraining(epochs=2, batch_size=100))
    assert epoch == 1
    test, truth = unit(torch.from_numpy(mnist.test.images[:500])), torch.from_numpy(mnist.test.labels[:500])
    assert judge.correct(test, truth).mean() > 0.85
    assert np.isfinite(loss)
    monkeypatch.setattr(judge_module, "WEIGHTS", tmp_path / "judge.safetensors")
    judge_module.save_judge(judge, {"name": "short"})
    assert torch.equal(load_judge().predict(test), judge.predict(test))
