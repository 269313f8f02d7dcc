"""Files with many images: what is written is read again, by condvae and by the libraries that others use."""

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import condvae
from condvae.inference import bulk
from condvae.inference.formats import FORMATS, Arrays
from condvae.model.cvae import CVAE
from condvae.run import Run
from condvae.storage.places import place
from tests.conftest import Cli


@pytest.fixture(params=[1, 3], ids=["grey", "colour"])
def arrays(request: pytest.FixtureRequest) -> Arrays:
    images = np.random.default_rng(0).integers(0, 255, (7, request.param, 5, 4), dtype=np.uint8)
    z = np.linspace(-1, 1, 14, dtype=np.float32).reshape(7, 2)
    return {"images": images, "labels": np.array([*list("abcabé"), "a b"]), "z": z}


@pytest.mark.parametrize("ending", FORMATS)
def test_what_is_written_is_read_again_and_the_bytes_repeat(ending: str, arrays: Arrays, tmp_path: Path) -> None:
    form, paths = FORMATS[ending], [tmp_path / f"{name}{ending}" for name in ("one", "two")]
    for path in paths:
        with path.open("wb") as file:
            form.write(file, arrays, 100)
    found = form.read(place(paths[0]))
    assert np.array_equal(found["images"], arrays["images"])
    assert found["labels"].tolist() == arrays["labels"].tolist()
    assert form.count(place(paths[0])) == 7
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("ending", FORMATS)
def test_files_of_a_command_are_those_of_python_and_can_be_encoded(
    ending: str, run: Run, model: CVAE, tmp_path: Path, command: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SHARD_BYTES", 28 * 28 * 1000)
    out, codes = tmp_path / f"drawn{ending}", tmp_path / "codes.parquet"
    command("generate", run.path, "--label", 3, 4, "--count", 700, "--seed", 1, "--out", out)
    files = sorted(tmp_path.glob(f"drawn-*{ending}"))
    found = [FORMATS[ending].read(place(path)) for path in files]
    assert len(found) == 2
    expected = condvae.generate(model, [3, 4], count=700, seed=1)
    assert np.array_equal(np.concatenate([one["images"] for one in found]), expected)
    assert np.concatenate([one["labels"] for one in found]).tolist() == ["3"] * 700 + ["4"] * 700
    assert "Encoded 1,400 images" in command("encode", run.path, out, "--out", codes)
    rows = [row for path in sorted(tmp_path.glob("codes-*.parquet")) for row in table(path)]
    labels = [row["label"] for row in rows]
    assert labels == ["3"] * 700 + ["4"] * 700
    means = np.array([row["mean"] for row in rows])
    np.testing.assert_allclose(means, condvae.encode(model, expected, labels), atol=1e-5)


def table(path: Path) -> list[dict]:
    from pyarrow import parquet

    return parquet.read_table(path).to_pylist()


def test_a_tar_is_a_webdataset(arrays: Arrays, tmp_path: Path) -> None:
    """Files of a sample follow each other, and have a name in common."""
    path = tmp_path / "some.tar"
    with path.open("wb") as file:
        FORMATS[".tar"].write(file, arrays, 3)
    with tarfile.open(path) as tar:
        names = tar.getnames()
        assert names[:4] == ["000000000003.png", "000000000003.json", "000000000004.png", "000000000004.json"]
        content = tar.extractfile(names[1])
        assert content
        assert json.load(content) == {"label": "a", "z": arrays["z"][0].tolist()}


def test_a_table_is_a_dataset_of_hugging_face(arrays: Arrays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    path = tmp_path / "some.parquet"
    with path.open("wb") as file:
        FORMATS[".parquet"].write(file, arrays, 0)
    found = datasets.Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "cache"))
    first = found[0]
    assert isinstance(first["image"], Image.Image)
    pixels = np.asarray(first["image"])
    assert np.array_equal(pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1), arrays["images"][0].squeeze())
    assert (first["label"], first["z"]) == ("a", arrays["z"][0].tolist())
    assert found.num_rows == 7
