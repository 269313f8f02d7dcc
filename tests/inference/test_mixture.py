"""The ex-post density: what it is fitted to, where it is kept, and when it is refused."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from condvae.errors import InputError, RunError
from condvae.inference.mixture import fit_mixture, load_mixture, save_mixture
from condvae.inference.operations import generate
from condvae.model.cvae import CVAE
from condvae.model.priors import MixturePrior
from condvae.model.saving import load
from condvae.run import Run
from tests.conftest import Cli


def one_hot(label: int, classes: int, count: int) -> Tensor:
    y = torch.zeros(count, classes)
    y[:, label] = 1
    return y


def drawn(mixture: MixturePrior, label: int, classes: int = 2) -> Tensor:
    torch.manual_seed(0)
    return mixture(one_hot(label, classes, 4000)).sample()


@pytest.fixture(scope="module")
def codes() -> tuple[Tensor, Tensor]:
    """Two classes: a stretched Gaussian, and two clusters far apart."""
    torch.manual_seed(0)
    stretched = torch.randn(3000, 2) @ torch.tensor([[2.0, 1.0], [0.0, 0.3]])
    clusters = torch.randn(3000, 2) * 0.1 + torch.tensor([5.0, 0.0]) * torch.randint(0, 2, (3000, 1)) * 2 - 5
    return torch.cat([stretched, clusters]), torch.arange(2).repeat_interleave(3000)


def test_one_gaussian_has_the_moments_of_its_class(codes: tuple[Tensor, Tensor]) -> None:
    points, labels = codes
    found = drawn(fit_mixture(points, labels, 2, components=1, outliers=0), 0)
    own = points[labels == 0]
    torch.testing.assert_close(found.mean(0), own.mean(0), atol=0.1, rtol=0)
    torch.testing.assert_close(found.T.cov(), own.T.cov(), atol=0.2, rtol=0)


def test_outliers_are_left_out() -> None:
    torch.manual_seed(0)
    codes = torch.cat([torch.randn(950, 2), torch.randn(50, 2) + 20])
    for outliers, there in ((0.0, True), (0.1, False)):
        mixture = fit_mixture(codes, torch.zeros(1000, dtype=torch.int64), 1, components=1, outliers=outliers)
        assert (drawn(mixture, 0, classes=1) > 10).any() == there


def test_a_mixture_finds_the_clusters_and_draws_nothing_between(codes: tuple[Tensor, Tensor]) -> None:
    points, labels = codes
    found = drawn(fit_mixture(points, labels, 2), 1)
    assert ((found[:, 0] + 5).abs().minimum((found[:, 0] - 5).abs()) < 1).all()
    assert 0.4 < (found[:, 0] > 0).float().mean() < 0.6


def test_without_a_label_it_is_that_of_all_codes(codes: tuple[Tensor, Tensor]) -> None:
    mixture = fit_mixture(*codes, classes=2, outliers=0)
    torch.manual_seed(0)
    found = mixture(torch.zeros(4000, 2)).sample()
    torch.testing.assert_close(found.mean(0), codes[0].mean(0), atol=0.2, rtol=0)
    assert (found[:, 0] < -4).any()
    assert (found[:, 0].abs() < 1).any()


def test_its_density_integrates_to_one(codes: tuple[Tensor, Tensor]) -> None:
    axis = torch.linspace(-12, 12, 400)
    z = torch.cartesian_prod(axis, axis)
    p = fit_mixture(*codes, classes=2, components=3)(one_hot(0, 2, 1))
    assert (p.log_prob(z).exp().sum() * (axis[1] - axis[0]) ** 2).item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_classes_with_few_images(count: int) -> None:
    codes, labels = torch.randn(20 + count, 3), torch.tensor([0] * 20 + [1] * count)
    found = drawn(fit_mixture(codes, labels, 2), 1)
    assert found.isfinite().all()
    if count == 1:
        torch.testing.assert_close(found.mean(0), codes[-1], atol=0.01, rtol=0)


def test_few_codes_of_many_dimensions_are_drawn_between() -> None:
    """On a curve, where one Gaussian of all codes, or of a tenth of them, leaves the curve."""
    angle = torch.linspace(0, 2 * torch.pi, 61)[:60]
    codes = torch.zeros(60, 32)
    codes[:, 0], codes[:, 1] = 10 * angle.cos(), 10 * angle.sin()
    found = drawn(fit_mixture(codes, torch.zeros(60, dtype=torch.int64), 1), 0, classes=1)
    torch.testing.assert_close(found[:, :2].norm(dim=1), torch.full((4000,), 10.0), atol=1, rtol=0)
    assert found[:, 2:].abs().max() < 2
    nearest = torch.cdist(found, codes).min(1)
    assert nearest.indices.unique().numel() > 50
    assert (nearest.values > 0.2).float().mean() > 0.5


def test_codes_that_lie_on_a_line() -> None:
    line = torch.randn(500, 1).expand(-1, 2)
    found = drawn(fit_mixture(line, torch.zeros(500, dtype=torch.int64), 1, components=1), 0, classes=1)
    torch.testing.assert_close(found[:, 0], found[:, 1], atol=0.01, rtol=0)


def test_a_mixture_of_another_kind_of_model(model: CVAE, codes: tuple[Tensor, Tensor]) -> None:
    with pytest.raises(InputError, match="of a model with 2 labels and 2 latent dimensions; this one has 10 and 2"):
        generate(model, "3", prior=fit_mixture(*codes, classes=2))


def test_the_commands_draw_from_it(run: Run, tmp_path: Path, command: Cli) -> None:
    command("evaluate", run.path, "--only", "codes")
    for name, options in (("mixture", ["--prior", "mixture"]), ("prior", [])):
        command("generate", run.path, "--label", 3, "--count", 5, *options, "--out", tmp_path / f"{name}.npz")
    drawn, others = (np.load(tmp_path / f"{name}.npz")["images"] for name in ("mixture", "prior"))
    expected = generate(load(run.path), "3", count=5, seed=0, prior=load_mixture(run.path))
    assert np.array_equal(drawn, expected)
    assert not np.array_equal(drawn, others)
    twice = ["generate", run.path, "--label", 3, "--z", 0, 0, "--prior", "mixture", "--out", tmp_path / "new"]
    assert "--prior draws latent vectors, and --z sets them. Give one of the two" in command.fails(*twice)


def test_kept_in_the_run(
    run: Run, tmp_path: Path, codes: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Run(tmp_path / "run")
    copy.path.mkdir()
    for file in (run.description, run.weights, run.config_file):
        (copy.path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(RunError, match=r"has no mixture fitted to its codes\. Fit it with 'condvae evaluate"):
        load_mixture(copy.path)
    mixture = fit_mixture(*codes, classes=2)
    save_mixture(copy, mixture)
    again = load_mixture(copy.path)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(mixture.buffers(), again.buffers(), strict=True))
    with monkeypatch.context() as later:
        later.setattr("condvae.inference.mixture.TAG", "7 Gaussians a class")
        with pytest.raises(RunError, match="was fitted by another version of condvae: 10 Gaussians a class"):
            load_mixture(copy.path)
    copy.weights.write_bytes(copy.weights.read_bytes() + b" ")
    with pytest.raises(RunError, match="was fitted to other weights"):
        load_mixture(copy.path)
    copy.mixture.write_bytes(b"damaged")
    with pytest.raises(RunError, match="cannot be read"):
        load_mixture(copy.path)


def test_classes_are_fitted_by_as_many_threads_as_pytorch_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limiting the threads of matrix products limits those of PyTorch, too, which must be asked before."""
    asked = []

    def pool(workers: int) -> ThreadPoolExecutor:
        asked.append(workers)
        return ThreadPoolExecutor(workers)

    monkeypatch.setattr("condvae.inference.mixture.ThreadPoolExecutor", pool)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        fit_mixture(torch.randn(40, 2), torch.arange(40) % 2, 2)
    finally:
        torch.set_num_threads(threads)
    assert asked == [2]
