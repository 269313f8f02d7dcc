"""The shipped judge is what its card says, and its training command trains."""

from pathlib import Path

import numpy as np
import pytest
import torch

from condvae.data.dataset import Dataset
from condvae.errors import RunError
from condvae.evaluation import judge as judge_module
from condvae.evaluation.judge import JudgeTraining, find_judge, has_judge, load_judge, save_judge, train_judge
from condvae.images import reduced, unit

LARGEST_FILE = 2_000_000  # bytes in the package


def test_the_judge_is_as_accurate_as_its_card_says(mnist: Dataset) -> None:
    accuracy = load_judge().accuracy(mnist.test)
    assert accuracy >= 0.995, "so that its mistakes do not decide"
    assert accuracy == pytest.approx(load_judge().card["test_accuracy"], abs=2e-4)
    assert judge_module.WEIGHTS.stat().st_size <= LARGEST_FILE


@pytest.mark.parametrize(
    ("size", "seen"),
    [
        ((28, 28), (28, 28)),
        ((64, 64), (32, 32)),
        ((64, 48), (32, 24)),
        ((256, 250), (37, 36)),
        ((5, 400), (5, 400)),
        ((512, 20), (256, 10)),
    ],
)
def test_a_judge_sees_large_images_averaged_down(size: tuple[int, int], seen: tuple[int, int]) -> None:
    """Long images keep their short side: otherwise nothing that lies one above the other could be told apart."""
    assert reduced(torch.rand(2, 3, *size)).shape == (2, 3, *seen)


def test_long_images_are_not_turned_out_of_their_frame() -> None:
    torch.manual_seed(0)
    long, square = torch.ones(50, 1, 8, 256), torch.ones(50, 1, 32, 32)
    left = [judge_module._augmented(images, JudgeTraining()).mean() for images in (long, square)]
    assert left[0] > left[1] - 0.1


def test_a_changed_judge_is_refused(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("judge-mnist.safetensors", "judge-mnist.json"):
        content = bytearray((judge_module.WEIGHTS.parent / name).read_bytes())
        if name.endswith("safetensors"):
            content[-1] ^= 1
        (tmp_path / name).write_bytes(content)
    monkeypatch.setattr(judge_module, "SHIPPED", tmp_path)
    with pytest.raises(RunError, match=r"but its card says .* Install condvae again"):
        load_judge(tmp_path / "judge-mnist.safetensors")


def test_training_a_judge_learns_and_saving_keeps_it(mnist: Dataset, tmp_path: Path) -> None:
    few = mnist.train.take(slice(3000))
    *_, (epoch, loss, judge) = train_judge(few, JudgeTraining(epochs=2, batch_size=100))
    assert epoch == 1, "the second one, counted from 0"
    test, truth = unit(torch.from_numpy(mnist.test.images[:500])), torch.from_numpy(mnist.test.labels[:500])
    assert judge.correct(test, truth).mean() > 0.85, "far above chance"
    assert np.isfinite(loss)
    path = tmp_path / "judge.safetensors"
    save_judge(judge, {"name": "short"}, path)
    assert torch.equal(load_judge(path).predict(test), judge.predict(test))
    assert load_judge(path).card["name"] == "short"


def test_other_data_gets_a_judge_of_its_own_once(
    bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path))
    state = torch.get_rng_state()
    judge = find_judge(bars)
    assert "Training a judge of 'bars'. It is kept for later ..." in capsys.readouterr().err
    test, truth = unit(torch.from_numpy(bars.test.images)), torch.from_numpy(bars.test.labels)
    assert judge.correct(test, truth).mean().item() == judge.accuracy(bars.test) == judge.card["test_accuracy"] == 1
    assert judge(test).shape == (len(bars.test), len(bars.test.classes))
    again = find_judge(bars)
    assert capsys.readouterr().err == "", "it is not trained again"
    assert torch.equal(again.predict(test), judge.predict(test))
    assert torch.equal(torch.get_rng_state(), state)


def test_how_sure_the_judge_is(mnist: Dataset) -> None:
    x = unit(torch.from_numpy(mnist.test.images[:100]))
    probabilities = load_judge().probabilities(x)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(100))
    assert (probabilities.argmax(1) == load_judge().predict(x)).all()


def test_whether_a_judge_is_there(
    bars: Dataset, mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_judge: None
) -> None:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path))
    assert has_judge(mnist)
    assert not has_judge(bars)
    find_judge(bars)
    assert has_judge(bars)
