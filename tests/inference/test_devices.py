"""A model works on the device where it is: inputs follow it, arrays come back on the CPU, seeds give the same z."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

import condvae
from condvae.config import ModelConfig
from condvae.errors import ConfigError
from condvae.inference.batched import draw, encode_moments
from condvae.inference.mixture import fit_mixture
from condvae.model.cvae import CVAE
from condvae.model.devices import find_device
from condvae.schema import Attribute, Schema
from tests.inference.elsewhere import DEVICE, Elsewhere, PretendDevice, moved

SCHEMA = Schema((3, 5, 7), ("a", "b"), (Attribute("size", (), 2.0, 0.5, 1.0, 3.0),))
LARGEST_ROUNDING = 1  # of 255: the same operations, in another order
KINDS = {
    "perceptron": ModelConfig(latent=3, encoder=(8,), decoder=(8,), conditions=("label", "size")),
    "gaussian prior": ModelConfig(latent=3, encoder=(8,), decoder=(8,), prior="gaussian", likelihood="gaussian"),
    "flow": ModelConfig(latent=3, encoder=(8,), decoder=(8,), prior="flow", likelihood="bernoulli"),
    "convolutional": ModelConfig(latent=3, network="conv", encoder=(8, 8), decoder=(8, 8), blocks=1),
    "without labels": ModelConfig(latent=3, encoder=(8,), decoder=(8,), conditions=(), posterior="point"),
}


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def models(request: pytest.FixtureRequest) -> Iterator[tuple[CVAE, CVAE]]:
    """The same model on the CPU and on the other device."""
    torch.manual_seed(0)
    here = CVAE(request.param, SCHEMA).eval()
    with PretendDevice():
        there = CVAE(request.param, SCHEMA).eval()
        there.load_state_dict(here.state_dict())
        moved(there)
        assert there.device == DEVICE
        assert all(isinstance(parameter, Elsewhere) for parameter in there.parameters())
        yield here, there


def test_operations_give_the_same_arrays_on_any_device(models: tuple[CVAE, CVAE]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 5, 7), dtype=np.uint8)
    found = []
    for model in models:
        label = "b" if model.conditions.classes else None
        known = {"attributes": {"size": 2.0}} if "size" in model.config.conditions else {}
        z = condvae.encode(model, images, label, **known)
        found.append(
            [
                condvae.generate(model, label, count=3, seed=0, **known),
                z,
                condvae.reconstruct(model, images, label, **known),
                condvae.restyle(model, images, label, "a" if label else None, **known),
                condvae.interpolate(model, label, z[:2], steps=3, **known),
            ]
        )
    for ours, theirs in zip(*found, strict=True):
        assert isinstance(theirs, np.ndarray)
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours.astype(float), theirs.astype(float), atol=LARGEST_ROUNDING)


def test_a_seed_gives_the_same_latent_vectors_on_any_device(models: tuple[CVAE, CVAE]) -> None:
    rows = torch.ones(5, len(models[0].config.conditions))
    assert torch.equal(*(draw(model, rows, seed=3) for model in models))
    if models[0].conditions.classes:
        mixture = fit_mixture(torch.randn(60, 3), torch.arange(60) % 2, 2, components=2)
        assert torch.equal(*(draw(model, rows, seed=3, prior=mixture) for model in models))


def test_moments_come_back_on_the_cpu(models: tuple[CVAE, CVAE]) -> None:
    rows = torch.ones(2, len(models[0].config.conditions))
    for part in encode_moments(models[1], torch.zeros(2, 3, 5, 7), rows):
        assert not isinstance(part, Elsewhere)


def test_the_stand_in_refuses_tensors_made_elsewhere() -> None:
    with PretendDevice():
        there = torch.ones(3).to(DEVICE)
        with pytest.raises(AssertionError, match="mixes tensors of the CPU"):
            _ = there + torch.ones(3)
        assert (there + torch.ones(3, device=DEVICE)).device == DEVICE


def test_devices_by_name() -> None:
    assert find_device("cpu") == torch.device("cpu")
    assert find_device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(
        ConfigError, match=r"There is no device 'gpu'. Did you mean 'cpu'\? Known: auto, cpu, cuda, mps"
    ):
        find_device("gpu")
    if not torch.cuda.is_available():
        with pytest.raises(ConfigError, match="The device 'cuda' is not available on this machine"):
            find_device("cuda")
