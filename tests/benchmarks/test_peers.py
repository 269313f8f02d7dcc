"""The comparison with other generators: its evaluation, the peers that are written here, and their environments."""

import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.peers import __main__ as peers
from benchmarks.peers.drawing import PEERS, Options, read, real
from benchmarks.peers.environments import SCRIPTS, requirements
from benchmarks.peers.evaluation import Evaluator
from benchmarks.peers.ours import ours
from condvae.config import Z_PRIORS, Config
from condvae.data.dataset import Dataset
from condvae.evaluation.features import RandomFeatures
from condvae.evaluation.judge import JudgeTraining, train_judge
from condvae.inference.batched import MIXTURE
from condvae.seeds import seeded
from condvae.training.fit import fit

HOME_MADE = ("pixelcnn", "dcgan", "flow_matching")
TICK, SECONDS = 0.04, 4  # of the clock, and of a training by it
FEW = 8  # random features, so that their Frechet distance needs few images
OPTIONS = Options(minutes=0.02, count=60, seed=0, threads=1)


@pytest.fixture(scope="module")
def evaluator(bars: Dataset) -> Evaluator:
    *_, (_, _, judge) = train_judge(bars.train, JudgeTraining(epochs=15, batch_size=10))
    return Evaluator(bars, seen=1000, judge=judge)


def test_real_images_have_their_labels_and_noise_has_not(
    bars: Dataset, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = RandomFeatures.embed
    monkeypatch.setattr(RandomFeatures, "embed", lambda *given: usual(*given)[:, :FEW])
    evaluator = Evaluator(bars, evaluator.seen, evaluator.judge)
    ((title, drawn),) = real(bars, OPTIONS)
    found = evaluator.figures(drawn.images, drawn.labels)
    assert title == "training images, which the judge has seen"
    assert found.obeyed.value > 0.95
    assert found.score.value > 0.95
    assert found.coverage.value > 0.8

    noise = np.random.default_rng(0).integers(0, 256, drawn.images.shape, dtype=np.uint8)
    other = evaluator.figures(noise, drawn.labels)
    assert other.obeyed.value < 0.6
    assert other.score.value < 0.8
    assert other.frechet is found.frechet is None, "there are fewer images than features of the judge"
    assert other.frechet_random.value > 10 * abs(found.frechet_random.value)
    assert other.coverage.value < 0.2


def test_a_model_draws_from_its_prior_and_from_its_mixture(bars: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(config: Config, path: Path, data: Dataset, minutes: float) -> None:
        fit(replace(config, trainer={**config.trainer, "max_epochs": 2}), path, data)

    monkeypatch.setattr("benchmarks.peers.ours.fit", short)
    for title, prior in zip(found := dict(ours(bars, OPTIONS)), Z_PRIORS, strict=True):
        drawn = found[title]
        assert title == f"condvae, {prior}"
        assert drawn.images.shape == (60, 3, 5, 7)
        assert drawn.labels.tolist() == (np.arange(60) % 3).tolist()
        assert drawn.numbers["steps"] > 0
        assert drawn.numbers["cores"] > 0
        assert drawn.numbers["nats"] is None if prior == MIXTURE else np.isfinite(drawn.numbers["nats"])
        assert drawn.numbers["seconds_per_1000"] > 0
        assert json.dumps(drawn.numbers)


def test_the_nats_of_binarised_images_are_those_of_quadrature(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One latent dimension, and pixels that are 1 with the probability sigmoid(z + label)."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import shared
    from torch.distributions import Bernoulli, Normal

    images = torch.full((30, 1, 2, 2), 255, dtype=torch.uint8) * (torch.arange(30) % 2)[:, None, None, None].byte()
    labels = torch.arange(30) % 3
    task = shared.Task(images, labels, 1.0, 1, 0, tiny, (images, labels))

    def log_joint(x: torch.Tensor, y: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        pixels = Bernoulli(logits=(z[:, 0] + y)[:, None]).log_prob(x.flatten(1)).sum(1)
        return pixels + Normal(0.0, 1.0).log_prob(z[:, 0])

    def encode(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x[:, 0, :1, 0] - 0.5, torch.full((len(x), 1), -0.5)

    z = torch.linspace(-8, 8, 2001)[:, None]
    exact = []
    for x, y in zip(*shared.tested(task), strict=True):
        joint = log_joint((x / 255).expand(len(z), -1, -1, -1), y.expand(len(z)), z)
        exact.append(-(joint.logsumexp(0) + torch.log(z[1, 0] - z[0, 0])))
    monkeypatch.setattr(shared, "SAMPLES", 20_000)
    with seeded():
        found = shared.binarised_nats(task, encode, log_joint)
    torch.testing.assert_close(found, torch.stack(exact), rtol=0, atol=0.03)


def test_pixels_that_are_not_finite_are_refused(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import shared

    images = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    task = shared.Task(images, torch.arange(4) % 2, 1.0, 4, 0, tiny / "bad.npz", None)
    found = shared.Trained(lambda labels: torch.full((len(labels), 1, 2, 2), np.nan), 1, 1.0, 1.0, 1, {})
    with pytest.raises(SystemExit, match="not finite"):
        shared.write(task, found)
    assert not task.out.exists()


def test_wrong_labels_are_seen(bars: Dataset, evaluator: Evaluator) -> None:
    ((_, drawn),) = real(bars, OPTIONS)
    found = evaluator.figures(drawn.images, (drawn.labels + 1) % 3)
    assert found.obeyed.value < 0.05
    assert found.score.value < 0.05


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Grey images of 8 x 10 pixels of two classes, in the files that scripts read."""
    folder, generator = tmp_path_factory.mktemp("tiny"), np.random.default_rng(0)
    for part, count in (("data", 200), ("test", 40)):
        labels = np.arange(count) % 2
        images = generator.integers(0, 30, (count, 1, 8, 10), dtype=np.uint8)
        images[np.arange(count), :, :, 2 + 5 * labels] += 200
        np.savez(folder / f"{part}.npz", images=images, labels=labels)
    return folder


class Ticks:
    """A clock that goes on by TICK each time that somebody looks at it, so that trainings have the same steps."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        self.now += TICK
        return self.now

    def process_time(self) -> float:
        return self.now


@pytest.mark.parametrize("script", HOME_MADE)
def test_a_peer_trains_in_time_and_writes_what_is_promised(
    script: str, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tiny / f"{script}.npz"
    files = ["--data", str(tiny / "data.npz"), "--test", str(tiny / "test.npz"), "--out", str(out)]
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr("shared.time", Ticks())
    monkeypatch.setattr(sys, "argv", [script, *files, "--minutes", str(SECONDS / 60), "--count", "25"])
    with seeded():
        runpy.run_path(str(SCRIPTS / f"{script}.py"), run_name="__main__")
    drawn = read(out)
    assert drawn.images.shape == (25, 1, 8, 10)
    assert drawn.images.dtype == np.uint8
    assert drawn.labels.tolist() == (np.arange(25) % 2).tolist()
    numbers = drawn.numbers
    assert SECONDS <= numbers["seconds"] < SECONDS + 5 * TICK
    assert numbers["seconds_per_1000"] == pytest.approx(TICK * 1000 / 25)
    assert numbers["cores"] == pytest.approx(1, abs=0.1)
    assert numbers["parameters"] > 1000
    assert numbers["steps"] > 15
    assert numbers["settings"]["threads"] == torch.get_num_threads()
    assert np.isfinite(numbers["losses"]).all()
    assert (numbers["nats"] is not None) == bool(numbers["measures"]) == (script == "pixelcnn")
    if script != "pixelcnn":  # which needs more steps for that
        left, right = (drawn.images[:, 0, :, column].mean(1) for column in (2, 7))
        assert ((right > left) == (drawn.labels == 1)).mean() > 0.8, "the bright column is that of the label"
    if script != "dcgan":  # the losses of two networks against each other need not fall
        assert numbers["losses"][-1] < 0.8 * numbers["losses"][0]


def test_pixels_are_drawn_from_the_probabilities_that_are_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing pixel by pixel, with kept features, uses the logits that the network has for the whole image."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    from pixelcnn import LEVELS, PixelCNN

    torch.manual_seed(0)
    network, labels = PixelCNN(3), torch.tensor([0, 2])
    seen = torch.empty(2, LEVELS, 6, 7)

    def choose(logits: torch.Tensor, row: int, column: int) -> torch.Tensor:
        seen[:, :, row, column] = logits
        return torch.randint(LEVELS, (2,))

    with torch.inference_mode():
        images = network.draw(labels, 6, 7, choose)
        whole = network(images, labels)
        other = images.clone()
        other[:, :, 3, 4] = 1 - other[:, :, 3, 4]
        changed = (network(other, labels) != whole).any(1)[0].flatten()
    torch.testing.assert_close(seen, whole, rtol=1e-4, atol=1e-5)
    assert not changed[: 3 * 7 + 4 + 1].any(), "a pixel has no influence on those before it, nor on itself"
    assert changed[3 * 7 + 5], "the pixel to the right"
    assert changed[4 * 7 + 4], "the pixel below"
    assert (network(images, 2 - labels) != whole).any(), "labels have an influence"


def test_a_side_is_drawn_and_measured_once(
    bars: Dataset, evaluator: Evaluator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = peers.sides(bars, OPTIONS, tmp_path)[peers.REAL]

    def measured(side: peers.Side, options: Options = OPTIONS) -> peers.Rows:
        return peers.measured(peers.REAL, side, evaluator, options, tmp_path)

    rows = measured(side)
    assert measured(lambda: pytest.fail("it is kept")) == rows
    (row,) = peers.table(json.loads(json.dumps(rows)))
    assert row["side"] == "training images, which the judge has seen"
    assert row["seconds of training"] == row["nats"] == ""
    monkeypatch.setattr(peers, "EDITION", peers.EDITION + 1)
    monkeypatch.setattr(Evaluator, "figures", lambda *_: {"other": 1})
    assert measured(lambda: pytest.fail("it is drawn")) == {row["side"]: {"other": 1}}, "by another evaluation"
    with pytest.raises(ZeroDivisionError):
        measured(lambda: 1 // 0, replace(OPTIONS, seed=1))  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("environment", sorted({peer.environment for peer in PEERS.values()}))
def test_requirements_are_exact_and_have_no_torchvision(environment: str) -> None:
    files = requirements(environment)
    lines = [line for file in files for line in file.read_text("utf-8").splitlines()]
    assert all(line.count("==") == 1 and "*" not in line for line in lines)
    assert "torch==2.13.0" in lines
    assert not any("torchvision" in line for line in lines)
    with_dependencies = files[0].read_text("utf-8").lower()
    assert "pythae" not in with_dependencies, "its requirements have torchvision, or those of multivae have"
    assert "multivae" not in with_dependencies


def test_every_peer_has_a_script() -> None:
    assert {peer.script for peer in PEERS.values()} <= {path.stem for path in SCRIPTS.glob("*.py")}
