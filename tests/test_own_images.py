"""From a folder of pictures to a run: what is kept in the run, and what is prepared like the training images later."""

import base64
import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from condvae.config import Config, DataConfig, ModelConfig, TrainingConfig
from condvae.data.sources import load_data
from condvae.errors import ConfigError, DataError, InputError
from condvae.evaluation.study import Study
from condvae.explorer.run_session import RunSession
from condvae.explorer.schemas import Encode
from condvae.inference.bulk import encode_files
from condvae.model.saving import load
from condvae.run import Run
from condvae.training.fit import fit, resume
from tests.conftest import Cli

TINY = ModelConfig(encoder=(8,), decoder=(8,), likelihood="gaussian")
OPTIONS = {"image_size": (8, 8), "resize": "pad", "validation_split": 4}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Colour pictures of several sizes in two classes, and some without a label."""
    generator = np.random.default_rng(0)
    for name, count in {"고양이": 20, "dogs & co": 20, "unknown": 6}.items():
        folder = tmp_path / "photos" / name
        folder.mkdir(parents=True)
        for number in range(count):
            sides = generator.integers(12, 30, 2)
            pixels = generator.integers(0, 256, (*sides, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "photos"


def settings(photos: Path, epochs: int = 2, dropout: float = 0.1, **options: object) -> Config:
    data = DataConfig(f"folder:{photos}", unlabelled="unknown", **{**OPTIONS, **options})
    model = ModelConfig(**{**vars(TINY), "condition_dropout": dropout})
    training = TrainingConfig(beta=1, batch_size=10)
    return Config(data, model, training, {"max_epochs": epochs, "enable_progress_bar": False})


def test_the_run_says_what_was_done_to_the_pictures(photos: Path, tmp_path: Path) -> None:
    fit(settings(photos), tmp_path / "run")
    run = Run(tmp_path / "run")
    record = json.loads(run.data_file.read_text("utf-8"))
    assert record["image_size"] == [8, 8]
    assert record["color_mode"] == "rgb"
    assert record["resize"] == "pad"
    assert record["images"] == {
        "train": {"dogs & co": 16, "고양이": 16},
        "test": {"dogs & co": 2, "고양이": 2},
        "validation": {"dogs & co": 2, "고양이": 2},
    }
    assert record["unlabelled"] == 6
    with run.split_file.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert Counter((row["part"], row["label"]) for row in rows) == {
        (part, label): count for part, counts in record["images"].items() for label, count in counts.items()
    }
    assert all((photos / row["file"]).is_file() and row["file"].startswith(row["label"]) for row in rows)
    assert run.config().data == settings(photos).data
    assert len(Study(run).data.train) == 32


def test_images_without_a_label_are_trained_on(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"model\.condition_dropout must be more than 0 for images without a label"):
        fit(settings(photos, dropout=0.0), tmp_path / "refused")
    with_them = fit(settings(photos), tmp_path / "with").state_dict()
    for path in (photos / "unknown").iterdir():
        Image.new("RGB", (20, 20), "red").save(path)
    with_others = fit(settings(photos), tmp_path / "others").state_dict()
    assert any((with_them[name] != with_others[name]).any() for name in with_them)


def test_images_in_a_file_give_the_same_weights(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_memory = fit(settings(photos), tmp_path / "memory").state_dict()
    monkeypatch.setattr("condvae.data.build.IN_MEMORY", 0)
    in_file = fit(settings(photos), tmp_path / "file").state_dict()
    for name, weight in in_memory.items():
        assert torch.equal(weight, in_file[name]), name


def test_a_source_that_has_changed(photos: Path, tmp_path: Path) -> None:
    fit(settings(photos), tmp_path / "run")
    (photos / "dogs & co" / "0.png").unlink()
    message = r"The images of folder:.* have changed since .*run was trained \(40 images then, 39 now"
    with pytest.raises(DataError, match=message):
        _ = Study(tmp_path / "run").data
    (tmp_path / "run" / "model.json").unlink()
    with pytest.raises(DataError, match=message):
        resume(tmp_path / "run", {"max_epochs": 3})


def test_what_is_encoded_later_is_prepared_in_the_same_way(photos: Path, tmp_path: Path) -> None:
    fit(settings(photos), tmp_path / "run")
    run, data = Run(tmp_path / "run"), load_data(settings(photos).data)
    name = data.test.names[0]
    label = data.test.classes[data.test.labels[0]]
    (tmp_path / "new" / label).mkdir(parents=True)
    (tmp_path / "new" / label / "0.png").write_bytes((photos / name).read_bytes())
    encode_files(run, tmp_path / "new", tmp_path / "codes.npz")
    study = Study(run)
    assert np.allclose(np.load(tmp_path / "codes.npz")["mean"][0], study.test_codes[0], atol=1e-5)

    session = RunSession(study, "photos")
    content = base64.b64encode((photos / name).read_bytes()).decode()
    encoded = session.encoded(Encode(image=content, label=label))
    assert (encoded.image[0] == data.test.pixels()[0]).all()
    (tmp_path / "new" / label / "1.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"1\.png cannot be read as an image: .*\. Fix the file, or remove it"):
        encode_files(run, tmp_path / "new", tmp_path / "others.npz")


def test_from_a_folder_to_a_run_on_the_command_line(photos: Path, tmp_path: Path, command: Cli) -> None:
    arguments = ["train", "--data", f"folder:{photos}", "--out", tmp_path / "run", "--trainer.max_epochs", "1"]
    output = command(*arguments, "--data.image_size", "8", "8", "--data.unlabelled", "unknown")
    assert "36 colour training images of 8 x 8 pixels in 2 classes" in output
    assert load(tmp_path / "run").schema.shape == (3, 8, 8)
    assert "no such folder" in command.fails(*arguments, "--data.unlabelled", "unknwon", "--out", tmp_path / "other")
