"""The map of the latent space: codes, planes, support and heat maps, for latent spaces of any size."""

from pathlib import Path

import numpy as np
import pytest
import torch

from condvae.config import Config, ModelConfig
from condvae.data.dataset import Dataset
from condvae.errors import DataError, InputError
from condvae.evaluation.study import Study
from condvae.explorer.latent_map import OVERLAYS, LatentMap
from condvae.explorer.limits import LIMITS
from condvae.inference.batched import encode_moments
from condvae.training.fit import fit

SMALL = {"encoder": (8,), "decoder": (8,)}


@pytest.fixture(scope="module")
def plane(study: Study) -> LatentMap:
    return LatentMap(study)


def trained(bars: Dataset, path: Path, **model: object) -> LatentMap:
    fit(Config(model=ModelConfig(**SMALL, **model), trainer={"max_epochs": 1}), path, bars)
    return LatentMap(Study(path, bars))


def test_the_codes_are_those_of_test_images(plane: LatentMap, study: Study) -> None:
    means, deviations, labels, classes, of_data = plane.codes
    assert classes == study.data.test.classes
    assert of_data
    assert means.shape == deviations.shape == (LIMITS.points, 2)
    every = torch.cdist(means[:20], study.test_codes)
    nearest = every.argmin(1)
    assert every.min(1).values.max() < 5e-3
    assert (study.test_labels[nearest] == labels[:20]).all()


def test_a_plane_of_two_dimensions_is_the_latent_space(plane: LatentMap) -> None:
    for name in ("", "0,1"):
        found = plane.plane(name)
        assert found.name == "0,1"
        assert found.names == ("z0", "z1")
        assert np.array_equal(found.points, plane.codes.means)
    turned = plane.plane("1,0")
    assert np.array_equal(turned.points, plane.codes.means.flip(1))
    corners = found.grid(np.zeros(2, np.float32), 3.0, 2)
    assert corners.tolist() == [[-3, 3], [3, 3], [-3, -3], [3, -3]]


@pytest.mark.parametrize("name", ["2,0", "0,0", "0", "0,1,1", "-1,0", "pca", "a,b", "0;1"])
def test_planes_that_do_not_exist(plane: LatentMap, name: str) -> None:
    with pytest.raises(
        InputError, match=r"There is no plane '.*'\. Allowed: two different numbers from 0 to 1, such as 0,1"
    ):
        plane.plane(name)


def test_many_dimensions_have_components_and_inactive_ones(bars: Dataset, tmp_path: Path) -> None:
    found = trained(bars, tmp_path / "run", latent=64, likelihood="gaussian")
    with torch.no_grad():
        for layer in (found.model.posterior.mean, found.model.posterior.logvar):
            layer.weight[10:], layer.bias[10:] = 0, 0
    numbers = [one.number for one in found.dimensions]
    assert sorted(numbers) == list(range(64))
    assert {one.number for one in found.dimensions if not one.active} >= set(range(10, 64))
    assert [one.nats for one in found.dimensions] == sorted((one.nats for one in found.dimensions), reverse=True)
    assert found.plane().name == ",".join(map(str, sorted(numbers[:2])))
    main = found.plane("pca")
    assert main.axes @ main.axes.T == pytest.approx(np.eye(2), abs=1e-5)
    centred = found.codes.means - found.codes.means.mean(0)
    best = torch.linalg.svdvals(centred)[:2].square().sum()
    assert np.square(main.points).sum() == pytest.approx(best.item(), rel=1e-3)
    at = np.random.default_rng(0).normal(size=64).astype(np.float32)
    grid = main.grid(at, 2.0, 5)
    rest = (grid - at) - (grid - at) @ main.axes.T @ main.axes
    assert np.abs(rest).max() < 1e-4, "a plane keeps the coordinates outside it"


def test_one_dimension_is_a_line(bars: Dataset, tmp_path: Path) -> None:
    found = trained(bars, tmp_path / "run", latent=1, posterior="point")
    assert found.plane().name == "0"
    assert not found.plane().points[:, 1].any()
    assert all(one.active for one in found.dimensions)
    with pytest.raises(InputError, match=r"Allowed: 0\."):
        found.plane("0,1")


def test_codes_are_on_their_support_and_far_places_are_not(plane: LatentMap) -> None:
    means, _, labels, *_ = plane.codes
    assert plane.supported(means, labels).float().mean() > 0.95
    assert not plane.supported(torch.tensor([[30.0, 30.0]]), torch.tensor([3])).any()
    assert plane.supported(means[:50], torch.full((50,), -1)).float().mean() > 0.9
    spread = means[labels == 0].std(0)
    off = means[labels == 0].mean(0) + 6 * spread
    assert not plane.supported(off[None], torch.tensor([0])).any()


def test_heat_maps_measure_the_images(plane: LatentMap) -> None:
    z = torch.from_numpy(plane.plane().grid(np.zeros(2, np.float32), 2.0, 7))
    values = {name: plane.overlay(name, z, "7", {}) for name in OVERLAYS}
    assert all(one.shape == (49,) for one in values.values())
    assert 0 <= values["confidence"].min() < values["confidence"].max() <= 1
    centre = plane.codes.means[plane.codes.labels == 7].mean(0, True)
    assert plane.overlay("confidence", centre, "7", {}) > plane.overlay("confidence", centre * 0 + 30, "7", {})
    with pytest.raises(InputError, match=r"There is no measure 'beauty'\. Choose from: confidence, slant"):
        plane.overlay("beauty", z, "7", {})


def test_grids_to_compare_labels_at(plane: LatentMap) -> None:
    nine, columns = plane.grid("figure")
    assert (len(nine), columns) == (9, 3)
    assert nine[0].tolist() == [-3, 3]
    assert plane.grid("grid")[0].shape == (49, 2)
    draws, _ = plane.grid("draws")
    assert (draws == plane.grid("draws")[0]).all()
    with pytest.raises(InputError, match=r"There is no grid 'circle'\. Choose from: figure, grid, draws"):
        plane.grid("circle")


def test_without_data_the_map_shows_draws(bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = trained(bars, tmp_path / "run", latent=3)

    def gone(self: Study) -> Dataset:
        raise DataError("no data")

    monkeypatch.setattr(Study, "data", property(gone))
    monkeypatch.setattr(Study, "whole", property(gone))
    codes = found.codes
    assert not codes.of_data
    assert codes.labels.bincount().tolist() == [1667, 1667, 1666]
    assert codes.means.std() == pytest.approx(1, abs=0.05)
    assert all(one.active for one in found.dimensions)
    with pytest.raises(InputError, match="Run 'condvae evaluate', which trains one"):
        found.overlay("confidence", torch.zeros(1, 3), "left", {})


def test_a_judge_that_is_not_there_yet_is_not_trained(bars: Dataset, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))
    found = trained(bars, tmp_path / "run", latent=2)
    assert not found.has_judge
    moments = encode_moments(found.model, torch.from_numpy(bars.test.images), found.study.test_rows)
    assert moments[0].shape == (30, 2)
    assert not (tmp_path / "cache").exists()
