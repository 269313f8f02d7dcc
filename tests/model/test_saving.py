"""Loading a run folder: the same outputs as before, and a message for each way in which it can be broken."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import condvae
from condvae.data.dataset import Dataset
from condvae.errors import RunError
from condvae.evaluation.evaluate import load_evaluation
from condvae.evaluation.judge import find_judge
from condvae.evaluation.study import Study
from condvae.images import unit
from condvae.model.saving import load
from condvae.run import Run


@pytest.fixture
def copy(run: Run, tmp_path: Path) -> Path:
    """A copy of the trained run, without the autoencoder, to break."""
    return Path(shutil.copytree(run.path, tmp_path / "run", ignore=shutil.ignore_patterns("autoencoder")))


def change(path: Path, key: str, value: object) -> None:
    content = json.loads((path / "model.json").read_text())
    content[key] = value
    (path / "model.json").write_text(json.dumps(content))


def test_model_json_and_weights_are_all_that_loading_needs(run: Run, tmp_path: Path) -> None:
    for name in ("model.json", "model.safetensors"):
        shutil.copy(run.path / name, tmp_path / name)
    images = [condvae.generate(load(path), 3, count=4, seed=0) for path in (run.path, tmp_path)]
    assert (images[0] == images[1]).all()


def test_loaded_weights_are_the_trained_ones(run: Run) -> None:
    trained = torch.load(run.checkpoint, weights_only=True)["state_dict"]
    for name, tensor in load(str(run.path)).state_dict().items():
        assert torch.equal(tensor, trained[f"model.{name}"])


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"There is no run folder .*Train one with 'condvae train --out"):
        load(tmp_path / "missing")
    with pytest.raises(RunError, match=r"is not a run folder: it has no config\.yaml"):
        load(tmp_path)


def test_unfinished(copy: Path) -> None:
    (copy / "model.json").unlink()
    with pytest.raises(RunError, match=r"is not finished. Finish it with 'condvae train --resume"):
        load(copy)


def test_newer_format(copy: Path) -> None:
    change(copy, "format", 3)
    with pytest.raises(RunError, match=r"format version 3\. This condvae reads versions up to 2\. Upgrade"):
        load(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": null}', '{"config": {}}'])
def test_damaged_description(copy: Path, text: str) -> None:
    (copy / "model.json").write_text(text)
    with pytest.raises(RunError, match=r"model\.json is damaged .*Restore it, or train again"):
        load(copy)


def test_description_with_parts_missing(copy: Path) -> None:
    change(copy, "schema", {})
    with pytest.raises(RunError, match=r"model.json is damaged"):
        load(copy)


def test_damaged_weights(copy: Path) -> None:
    content = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(RunError, match=r"model\.safetensors cannot be read"):
        load(copy)
    (copy / "model.safetensors").unlink()
    with pytest.raises(RunError, match=r"model\.safetensors cannot be read"):
        load(copy)


def test_weights_that_do_not_fit(copy: Path, run: Run) -> None:
    shutil.copy(run.path / "autoencoder" / "model.safetensors", copy / "model.safetensors")
    with pytest.raises(
        RunError,
        match=r"do not fit its settings: 'likelihood\.decoder\.layers\.0\.weight' should be \(128, 12\) and is",
    ):
        load(copy)


def test_damaged_config(copy: Path) -> None:
    (copy / "config.yaml").write_text("model: {latnet: 2}")
    with pytest.raises(RunError, match=r"config\.yaml cannot be used: There is no setting 'latnet'"):
        Run(copy).config()


def test_damaged_history(copy: Path) -> None:
    (copy / "metrics.csv").write_text("step,loss\n1,abc\n")
    with pytest.raises(RunError, match=r"metrics\.csv cannot be read"):
        Run(copy).history()


def test_history_holds_numbers(run: Run) -> None:
    assert all(isinstance(value, float) and np.isfinite(value) for row in run.history() for value in row.values())


def test_weights_that_are_not_the_runs_own_are_refused(copy: Path) -> None:
    weights = bytearray((copy / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "model.safetensors").write_bytes(weights)
    with pytest.raises(
        RunError, match=r"has the SHA-256 digest .*, but .*model\.json says .*they are not from the same"
    ):
        load(copy)
    content = json.loads((copy / "model.json").read_text())
    del content["sha256"]  # as in runs of older versions
    (copy / "model.json").write_text(json.dumps(content))
    assert load(copy).parameter_count > 0


def test_the_model_that_ships_is_small_whole_and_measured(mnist: Dataset) -> None:
    run = Run.find("pretrained")
    assert run.weights.stat().st_size <= 3_000_000
    model = condvae.load("pretrained")
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert model.config.latent == 2
    measured = load_evaluation(Study(run))["accuracy"]
    labels = np.arange(1000) % 10
    images = condvae.generate(model, labels.tolist(), seed=0)
    accuracy = find_judge(mnist).correct(unit(torch.from_numpy(images)), torch.from_numpy(labels)).mean().item()
    assert accuracy == pytest.approx(measured.prior.value, abs=0.02)
    assert accuracy > 0.95
    copies = condvae.reconstruct(model, mnist.test.images[:500], mnist.test.labels[:500])
    assert ((copies - mnist.test.images[:500].astype(float)) ** 2).mean() / 255**2 < 0.035
