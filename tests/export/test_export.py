"""Exported graphs: equal to the model for every combination of parts, and only kept if they are."""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import condvae
from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.errors import ConfigError, ExportError, InputError, RunError
from condvae.export import comparison, protos
from condvae.export.comparison import TOLERANCE
from condvae.export.graphs import graphs_of
from condvae.export.onnx import export_onnx
from condvae.export.programs import export_programs
from condvae.inference.inputs import NOT_GIVEN
from condvae.inference.mixture import fit_mixture, save_mixture
from condvae.inference.runtime import runner, session_of
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.run import Run
from condvae.schema import Attribute, Schema
from condvae.storage.files import sha256
from tests.conftest import Cli
from tests.model.test_laws import COMBINATIONS, MIXED, SHAPES, beta_of

RUNS = ["squared-error", "convolutional", "attributes", "autoencoder"]


def made(path: Path, config: ModelConfig, shape: tuple[int, int, int]) -> Run:
    """A run with random weights, and a mixture of random codes if the model has labels."""
    torch.manual_seed(0)
    model = CVAE(config, Schema(shape, ("a", "b"), MIXED)).eval()
    for parameter in model.parameters():
        parameter.data += (
            0.3 / max(1, parameter[0].numel() if parameter.ndim else 1) ** 0.5 * torch.randn_like(parameter)
        )
    run = Run(path)
    path.mkdir()
    save_model(run, model, Config(model=config, training=TrainingConfig(beta=beta_of(config))), {})
    if model.conditions.classes:
        codes = 3 + 0.3 * torch.randn(300, config.latent)  # far from N(0, I)
        save_mixture(run, fit_mixture(codes, torch.arange(300) % 2, 2, components=2))
    return run


def names_of(model: CVAE, has_mixture: bool) -> set[str]:
    """The names of the graphs that a model has."""
    found = {"decode", "encode", "draw"} if has_mixture else {"decode", "encode"}
    return found | ({"condition", "blend"} if model.conditions.variables else set())


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(COMBINATIONS)))
def test_every_combination_is_exported_and_equal(tmp_path: Path, number: int) -> None:
    """`export_onnx` compares batches of 1, 4 and 257 images, far latent vectors, and conditions that are left out."""
    run = made(tmp_path / "run", COMBINATIONS[number], SHAPES[number % len(SHAPES)])
    exported = export_onnx(run, tmp_path / "model.onnx")
    assert max(one.largest for one in exported.differences.values()) <= TOLERANCE
    assert set(exported.differences) == names_of(condvae.load(run.path), run.mixture.is_file())
    onnx.checker.check_model(onnx.load_model(exported.files[0]), full_check=True)


@pytest.mark.parametrize("name", RUNS)
def test_a_file_has_all_graphs_and_draws_what_the_model_draws(earlier: Path, tmp_path: Path, name: str) -> None:
    run = Run(earlier / name)
    (path,) = export_onnx(run, tmp_path / "model.onnx", pixels="uint8", licence="mit").files
    model, session = condvae.load(run.path), session_of(path)
    about = session.get_modelmeta().custom_metadata_map
    assert about["condvae_version"] == version("condvae")
    assert about["license"] == "mit"
    assert about["weights_sha256"] == sha256(run.weights)
    assert tuple(json.loads(about["classes"])) == model.conditions.classes
    assert json.loads(about["schema"])["shape"] == list(model.schema.shape)
    assert set(json.loads(about["graphs"])) == names_of(model, True)
    z = np.random.default_rng(0).normal(size=(5, model.config.latent)).astype(np.float32)
    given = {name: np.zeros(5, np.int64) for name in ("label",) if model.conditions.classes}
    given |= {name: np.full(5, value, np.float32) for name, value in model.conditions.typical.items()}
    images = runner(session, ["images"], "decode.")({"z": z, **given})[0]
    label = 0 if model.conditions.classes else None
    wanted = condvae.generate(model, label, z=z, attributes=model.conditions.typical)
    assert np.abs(images.astype(int) - wanted).max() <= 1
    codes = runner(session, ["mean"], "encode.")({"images": wanted, **given})[0]
    assert codes == pytest.approx(condvae.encode(model, wanted, label, attributes=model.conditions.typical), abs=1e-4)


def test_conditions_may_be_left_out(tmp_path: Path) -> None:
    config = ModelConfig(
        latent=2, conditions=("label", "colour", "slant"), condition_dropout=0.2, encoder=(8,), decoder=(8,)
    )
    run = made(tmp_path / "run", config, (1, 4, 4))
    decode = export_onnx(run, tmp_path / "graphs").files[0]
    session, model = session_of(decode), condvae.load(run.path)
    hidden = {"label": np.array([NOT_GIVEN]), "colour": np.array([NOT_GIVEN]), "slant": np.array([np.nan], np.float32)}
    images = session.run(None, {"z": np.zeros((1, 2), np.float32), **hidden})[0]
    assert np.rint(255 * images) == pytest.approx(condvae.generate(model, z=[0, 0]), abs=1)
    types = {one.name: one.type for one in session.get_inputs()}
    integer, number = "tensor(int64)", "tensor(float)"
    assert types == {"z": number, "label": integer, "colour": integer, "slant": number}


def test_a_graph_draws_from_the_mixture(tmp_path: Path) -> None:
    config = ModelConfig(latent=2, encoder=(8,), decoder=(8,))
    run = made(tmp_path / "run", config, (1, 4, 4))
    draw = session_of(export_onnx(run, tmp_path / "graphs").files[2])
    mixture, model = condvae.load_mixture(run.path), condvae.load(run.path)
    for label, uniform, component in ((0, 0.0, 0), (1, 0.999, 1)):
        inputs = {"noise": np.zeros((1, 2), np.float32), "uniform": np.array([uniform], np.float32)}
        images = draw.run(None, {**inputs, "label": np.array([label])})[0]
        wanted = condvae.generate(model, label, z=mixture.means[label, component])
        assert np.rint(255 * images) == pytest.approx(wanted, abs=1)


def test_a_graph_that_differs_is_not_left_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: Path
) -> None:
    joined = protos._joined

    def damaged(*arguments: object) -> onnx.GraphProto:
        graph = joined(*arguments)
        weight = max(graph.initializer, key=lambda one: len(one.raw_data))
        weight.raw_data = (1.001 * np.frombuffer(weight.raw_data, np.float32)).astype(np.float32).tobytes()
        return graph

    monkeypatch.setattr(protos, "_joined", damaged)
    with pytest.raises(ExportError, match=r"The exported graph \w+ differs from the model by .* Nothing was written"):
        export_onnx(earlier / "squared-error", tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_reduced_precision_says_what_it_costs(run: Run, tmp_path: Path, command: Cli) -> None:
    whole = export_onnx(run, tmp_path / "whole.onnx")
    for precision, smaller in (("float16", 0.6), ("int8", 0.5)):
        path = tmp_path / f"{precision}.onnx"
        output = command("export", run.path, "--to", "onnx", "--out", path, "--precision", precision)
        assert path.stat().st_size < smaller * whole.files[0].stat().st_size
        assert "Labels obeyed, z from the prior: " in output
        assert "decode: differs from the model by 0.0" in output
        assert session_of(path).get_modelmeta().custom_metadata_map["precision"] == precision
        onnx.checker.check_model(onnx.load_model(path))
        images, reduced = (condvae.load(one).generate("3", z=[0.5, -1]) for one in (whole.files[0], path))
        assert np.abs(images.astype(int) - reduced).mean() < 8, "the reduced file can be loaded"
    assert whole.obeyed is None


def test_programs_are_equal_without_the_code_of_condvae(earlier: Path, tmp_path: Path, command: Cli) -> None:
    output = command("export", earlier / "squared-error", "--to", "torch", "--out", tmp_path / "programs")
    assert f"Written: {tmp_path / 'programs' / 'draw.pt2'}" in output
    model = condvae.load(earlier / "squared-error")
    z, label = torch.randn(7, 2), torch.arange(7) % 3
    (images,) = torch.export.load(tmp_path / "programs" / "decode.pt2").module()(given={"z": z, "label": label})
    wanted = condvae.generate(model, label, z=z, pair=True)
    assert np.rint(255 * images.detach().numpy()) == pytest.approx(wanted, abs=1)
    more = export_programs(earlier / "autoencoder", tmp_path / "more")
    assert set(more.differences) == names_of(condvae.load(earlier / "autoencoder"), True)


def test_mistakes_are_explained(earlier: Path, tmp_path: Path, command: Cli) -> None:
    run = earlier / "squared-error"
    with pytest.raises(InputError, match=r"pixels must be one of float32, uint8, got 'bits'"):
        export_onnx(run, tmp_path / "model.onnx", pixels="bits")
    with pytest.raises(InputError, match=r"precision must be one of float32, float16, int8, got 'int4'"):
        export_onnx(run, tmp_path / "model.onnx", precision="int4")
    with pytest.raises(RunError, match=r"exists\. Choose another --out, or remove it"):
        export_onnx(run, tmp_path)
    message = command.fails("export", run, "--to", "torch", "--out", tmp_path / "p", "--precision", "int8")
    assert "--precision and --license are only for --to onnx" in message
    assert "There is no run folder" in command.fails(
        "export", tmp_path / "none", "--to", "onnx", "--out", tmp_path / "p"
    )
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("prior", ["standard", "gaussian"])
def test_bytes_keep_the_inputs_of_convolutions(tmp_path: Path, prior: str) -> None:
    """The defaults of inputs are no weights."""
    config = ModelConfig(latent=2, network="conv", encoder=(8,), decoder=(8,), prior=prior)
    run = made(tmp_path / "run", config, (1, 8, 8))
    model = condvae.load(export_onnx(run, tmp_path / "model.onnx", precision="int8").files[0])
    images = model.generate(["a", "b"], z=[[0, 0], [1, 1]])
    wanted = condvae.generate(condvae.load(run.path), ["a", "b"], z=[[0, 0], [1, 1]])
    assert np.abs(images.astype(int) - wanted).mean() < 20
    assert model.encode(images, [0, 0, 1, 1]).shape == (4, 2)
    assert len(model.interpolate(["a", "b"], [0, 0], steps=2)) == 3


def test_names_of_inputs_are_reserved(tmp_path: Path) -> None:
    schema = Schema((1, 4, 4), ("a", "b"), (Attribute("z", (), 0.0, 1.0),))
    model = CVAE(ModelConfig(conditions=("label", "z"), encoder=(8,), decoder=(8,)), schema)
    with pytest.raises(ConfigError, match=r"The condition 'z' has the name of another input or output"):
        graphs_of(model, None)


def test_a_comparison_finds_what_is_not_a_number() -> None:
    distance = comparison._distance(np.array([np.nan]), torch.tensor([1.0]))
    assert not distance.max() <= TOLERANCE
