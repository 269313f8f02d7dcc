"""Models from ONNX files: the operations of condvae, without PyTorch."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

import condvae
from condvae.config import ModelConfig
from condvae.errors import InputError, RunError
from condvae.export.onnx import export_onnx
from condvae.inference.exported import ExportedModel
from condvae.model.cvae import CVAE
from tests.export.test_export import made

ATTRIBUTES = {"colour": "green", "slant": 0.2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module")
def pair(folder: Path) -> tuple[CVAE, ExportedModel]:
    """The same model in PyTorch and from a file."""
    conditions = ("label", "colour", "slant")
    config = ModelConfig(
        latent=3, conditions=conditions, condition_dropout=0.2, encoder=(16,), decoder=(16,), prior="gaussian"
    )
    run = made(folder / "run", config, (3, 5, 7))
    export_onnx(run, folder / "model.onnx")
    return condvae.load(run.path), condvae.load(folder / "model.onnx")


def near(images: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether images are equal, up to rounding."""
    return images.dtype == np.uint8 and images.shape == wanted.shape and np.abs(images.astype(int) - wanted).max() <= 1


def test_operations_are_those_of_the_model(pair: tuple[CVAE, ExportedModel]) -> None:
    model, exported = pair
    z = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    given = {"z": z, "attributes": ATTRIBUTES}
    images = condvae.generate(model, ["a", "b"], **given)
    assert near(exported.generate(["a", "b"], **given), images)
    assert near(
        exported.generate(["a", 1, "b", 0], pair=True, **given),
        condvae.generate(model, ["a", 1, "b", 0], pair=True, **given),
    )
    assert near(exported.generate(z=z), condvae.generate(model, z=z)), "without conditions"
    codes = condvae.encode(model, images, "a", attributes=ATTRIBUTES)
    assert exported.encode(images, "a", attributes=ATTRIBUTES) == pytest.approx(codes, abs=1e-4)
    assert near(
        exported.reconstruct(images, "a", attributes=ATTRIBUTES),
        condvae.reconstruct(model, images, "a", attributes=ATTRIBUTES),
    )
    changed = {"attributes": ATTRIBUTES, "new_attributes": {"colour": "red"}}
    assert near(exported.restyle(images, "a", "b", **changed), condvae.restyle(model, images, "a", "b", **changed))
    path = {"attributes": ATTRIBUTES, "steps": 3}
    assert near(exported.interpolate(["a", "b"], z[:2], **path), condvae.interpolate(model, ["a", "b"], z[:2], **path))
    assert exported.named.classes == model.conditions.classes
    assert repr(exported) == "ExportedModel(3 x 5 x 7 pixels, 3 latent dimensions, 2 classes)"


def test_draws_have_the_right_distribution(pair: tuple[CVAE, ExportedModel], folder: Path) -> None:
    model, exported = pair
    means = []
    for prior in ("prior", "mixture"):
        drawn = exported.generate("b", attributes=ATTRIBUTES, count=1500, seed=1, prior=prior)
        assert np.array_equal(drawn, exported.generate("b", attributes=ATTRIBUTES, count=1500, seed=1, prior=prior))
        assert not np.array_equal(drawn, exported.generate("b", attributes=ATTRIBUTES, count=1500, seed=2, prior=prior))
        source = prior
        if prior == "mixture":
            source = condvae.load_mixture(folder / "run")
        wanted = condvae.generate(model, "b", attributes=ATTRIBUTES, count=1500, seed=0, prior=source)
        means.append(drawn.mean(0))
        assert means[-1] == pytest.approx(wanted.mean(0), abs=6)
        assert drawn.std(0) == pytest.approx(wanted.std(0), abs=6)
    assert np.abs(means[0] - means[1]).max() > 12, "the two priors differ by more than what passes above"


def test_wrong_input_is_explained(pair: tuple[CVAE, ExportedModel], tmp_path: Path) -> None:
    _, exported = pair
    with pytest.raises(InputError, match=r"There is no label 'c'\. Choose one of a, b"):
        exported.generate("c")
    with pytest.raises(InputError, match=r"z sets the latent vectors, and count and prior draw them"):
        exported.generate("a", z=[0, 0, 0], count=2)
    with pytest.raises(InputError, match=r"pair needs z, and count must be at least 1"):
        exported.generate("a", count=0)
    with pytest.raises(InputError, match=r"prior must be one of prior, mixture for this file, got 'flow'"):
        exported.generate("a", prior="flow")
    with pytest.raises(InputError, match=r"seed must be from 0 to 4294967295, got -1"):
        exported.generate("a", seed=-1)
    with pytest.raises(InputError, match=r"A path needs at least 2 stops"):
        exported.interpolate("a", [0, 0, 0])
    with pytest.raises(InputError, match=r"Images have the shape"):
        exported.encode(np.zeros((1, 1, 5, 7)), "a")
    with pytest.raises(RunError, match=r"There is no file .*none\.onnx\. Make one with 'condvae export"):
        condvae.load(tmp_path / "none.onnx")
    (tmp_path / "damaged.onnx").write_text("no model")
    with pytest.raises(RunError, match=r"damaged\.onnx is damaged, or no ONNX file"):
        condvae.load(tmp_path / "damaged.onnx")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    other = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "other", [value], [other])
    onnx.save_model(onnx.helper.make_model(graph, ir_version=10), tmp_path / "other.onnx")
    with pytest.raises(RunError, match=r"is no model that condvae exported"):
        condvae.load(tmp_path / "other.onnx")


def test_one_graph_of_several_is_refused(earlier: Path, tmp_path: Path) -> None:
    export_onnx(earlier / "squared-error", tmp_path / "graphs", pixels="uint8")
    with pytest.raises(RunError, match=r"holds one graph of several\. Export the model into one file"):
        condvae.load(tmp_path / "graphs" / "decode.onnx")


def test_pytorch_is_not_imported(earlier: Path, tmp_path: Path) -> None:
    export_onnx(earlier / "squared-error", tmp_path / "model.onnx", pixels="uint8")
    code = (
        "import sys, condvae; model = condvae.load('model.onnx'); images = model.generate(0, count=600, seed=0); "
        "model.reconstruct(images, 0); model.interpolate([0, 1], [[0, 0], [1, 1]]); "
        "print(images.shape, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    shape = condvae.load(earlier / "squared-error").schema.shape
    assert done.stdout.strip() == f"{(600, *shape)} False"
