"""Distances and neighbourhoods of sets of features, against cases whose answer is known."""

import pytest
import torch

from condvae.data.dataset import Dataset
from condvae.evaluation import distances as features
from condvae.evaluation.distances import frechet_distance, kernel_distance, nearest, neighbourhood
from condvae.evaluation.judge import load_judge
from condvae.images import unit


def points(count: int, shift: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    return torch.randn(count, 8) * scale + shift


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_the_frechet_distance_of_gaussians_is_its_closed_form() -> None:
    found = frechet_distance(points(50_000), points(50_000, shift=0.5, scale=2.0), "Here.")
    assert found.value == pytest.approx(8 * (0.5**2 + (2 - 1) ** 2), rel=0.02)
    assert 0 < found.error < 0.1
    assert (found.count, found.protocol) == (50_000, "Here. Extrapolated to infinite sets.")
    assert frechet_distance(points(50_000), points(50_000), "").value < 0.01


def test_there_is_no_frechet_distance_of_few_images_with_many_features() -> None:
    """Of 8 features, parts of 40% of the images must have at least 9."""
    assert frechet_distance(points(20), points(30), "") is None
    assert frechet_distance(points(30), points(20), "") is None
    few = torch.tensor([frechet_distance(points(100), points(100), "").value for _ in range(50)])
    assert abs(few.mean()) < 4 * few.std() / len(few) ** 0.5 + 0.02


def test_the_frechet_distance_does_not_depend_on_the_number_of_images() -> None:
    """The distance of the sets as they are is more than 0 for the same distribution, and smaller for larger sets."""
    pairs = [(torch.randn(count, 32), torch.randn(count, 32)) for count in (1000,) * 12]
    plain = torch.tensor([features._frechet(*pair) for pair in pairs]).double()
    found = [frechet_distance(*pair, "") for pair in pairs]
    values = torch.tensor([one.value for one in found]).double()
    assert plain.mean() > 0.2
    assert abs(values.mean()) < 4 * values.std() / len(values) ** 0.5 + 0.01
    errors = torch.tensor([one.error for one in found]).mean().item()
    assert 0.5 < errors / values.std().item() < 2, "the error is the spread over repetitions"


def test_the_kernel_distance_is_unbiased_around_zero_for_the_same_distribution() -> None:
    state = torch.get_rng_state()
    (same, p_same), (other, p_other) = (kernel_distance(points(4000), points(4000, shift), "") for shift in (0.0, 0.5))
    torch.set_rng_state(state)
    assert p_same.value > 0.05
    assert p_other.value == pytest.approx(1 / 401)
    assert abs(same.value) < 4 * same.error + 1e-3
    assert other.value > 10 * other.error


def test_the_kernel_distance_follows_its_definition() -> None:
    real, generated = points(10), points(10)

    def kernel(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a @ b.T / 8 + 1) ** 3

    def distance(a: torch.Tensor, b: torch.Tensor) -> float:
        own = [(kernel(x, x).sum() - kernel(x, x).trace()) / 20 for x in (a, b)]
        return (own[0] + own[1] - 2 * kernel(a, b).mean()).item()

    order = torch.randperm(10, generator=torch.Generator().manual_seed(0))
    halves = [distance(real[part], generated[part]) for part in order.split(5)]
    found, _ = kernel_distance(real, generated, "")
    assert found.value == pytest.approx(sum(halves) / 2, rel=1e-4)
    assert found.error == pytest.approx(abs(halves[0] - halves[1]) / 2, rel=1e-4)
    assert found.count == 10


def test_the_permutation_test_holds_its_level(mnist: Dataset) -> None:
    """Real images against real images: 200 repetitions, of which 5% may be taken for different distributions."""
    everything = load_judge().embed(unit(torch.from_numpy(mnist.test.images[:4000])))
    values = torch.tensor(
        [kernel_distance(*everything[torch.randperm(4000)[:400]].split(200), "")[1].value for _ in range(200)]
    )
    rejected = int((values <= 0.05).sum())
    assert 2 <= rejected <= 19, "of 10 expected, with a probability of 0.996"
    assert 0.4 < values.mean() < 0.6


def test_neighbourhood_of_the_same_of_a_narrower_and_of_another_distribution() -> None:
    real = points(2000)
    same, narrow, other = (
        neighbourhood(real, generated) for generated in (points(2000), points(2000, 0, 0.3), points(2000, 50.0))
    )
    assert same.density.mean().item() == pytest.approx(1, abs=0.1)
    assert same.precision.mean() > 0.7
    assert same.recall.mean() > 0.7
    assert same.coverage.mean() > 0.9
    assert narrow.precision.mean() > 0.99
    assert narrow.recall.mean() < 0.1
    for values in other:
        assert values.sum() == 0


def test_neighbourhood_follows_its_definition() -> None:
    real, generated = points(30), points(20)
    found = neighbourhood(real, generated)
    radius = torch.cdist(real, real).sort(1).values[:, 5]
    radius_generated = torch.cdist(generated, generated).sort(1).values[:, 5]
    distances = torch.cdist(real, generated)
    assert torch.equal(found.precision, (distances < radius[:, None]).any(0).float())
    torch.testing.assert_close(found.density, (distances < radius[:, None]).sum(0) / 5)
    assert torch.equal(found.recall, (distances < radius_generated).any(1).float())
    assert torch.equal(found.coverage, (distances.min(1).values < radius).float())


def test_few_points() -> None:
    found = neighbourhood(points(2), points(3))
    assert all(values.isfinite().all() for values in found)


def test_the_nearest_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "CHUNK", 9)  # so that they come in parts
    others = torch.rand(500, 1, 4, 4)
    distances, positions = nearest(others[:5], others)
    torch.testing.assert_close(distances, torch.zeros(5, 1), atol=1e-3, rtol=0)
    assert positions.tolist() == [[0], [1], [2], [3], [4]]
    images = torch.rand(7, 1, 4, 4)
    every = (images[:, None] - others).square().mean((2, 3, 4)).sqrt()
    wanted, places = every.topk(3, largest=False)
    distances, positions = nearest(images, others, 3)
    torch.testing.assert_close(distances, wanted, atol=1e-4, rtol=1e-4)
    assert (positions == places).all()
    assert nearest(images, others[:2], 3)[1].shape == (7, 2)
    grey = (others * 255).round().to(torch.uint8)
    torch.testing.assert_close(nearest(images, grey)[0], nearest(images, grey / 255)[0])
