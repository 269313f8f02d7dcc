"""Fashion-MNIST from the cache, Debian's package and a mirror, with small stand-ins for its files."""

import gzip
import hashlib
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from condvae.data.dataset import Dataset
from condvae.data.readers import fashion
from condvae.data.sources import load_data
from condvae.errors import ConfigError, DataError


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">I{values.ndim}I", 0x0800 | values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for Debian's package, an empty cache, and no mirror."""
    folder = tmp_path / "package"
    folder.mkdir()
    digests = {}
    for part, count in (("train", 40), ("t10k", 20)):
        images = np.arange(count * 20).reshape(count, 4, 5) % 256
        for name, values in (("images-idx3", images), ("labels-idx1", np.arange(count) % 10)):
            content = idx(values)
            (folder / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(content))
            digests[f"{part}-{name}-ubyte"] = hashlib.sha256(content).hexdigest()
    monkeypatch.setattr(fashion, "PACKAGE_FOLDER", folder)
    monkeypatch.setattr(fashion, "MIRRORS", ())
    monkeypatch.setattr(fashion, "FASHION", replace(fashion.FASHION, digests=digests))
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))
    return folder


def test_the_package_fills_the_cache(package: Path, tmp_path: Path) -> None:
    data = load_data("fashion-mnist")
    assert data.source == "fashion-mnist"
    assert data.train.shape == (1, 4, 5)
    assert (len(data.train), len(data.test)) == (40, 20)
    assert data.test.classes[0] == "T-shirt/top"
    assert data.test.counts() == dict.fromkeys(fashion.CLASSES, 2)
    shutil.rmtree(package)
    assert (load_data("fashion-mnist").train.labels == data.train.labels).all()
    assert sorted(path.name for path in (tmp_path / "cache" / "fashion-mnist").iterdir()) == sorted(
        fashion.FASHION.digests
    )


def test_a_package_with_other_files_is_refused(package: Path, tmp_path: Path) -> None:
    (package / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(np.zeros(20))))
    with pytest.raises(DataError, match=r"Debian's package .*t10k-labels-idx1-ubyte has the SHA-256 digest"):
        load_data("fashion-mnist")
    assert not (tmp_path / "cache").exists()


def test_all_sources_unreachable(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(package)
    monkeypatch.setattr(fashion, "MIRRORS", ("http://127.0.0.1:9/a/",))
    with pytest.raises(DataError) as caught:
        load_data("fashion-mnist")
    message = str(caught.value)
    assert message.startswith("Fashion-MNIST could not be fetched from any source:\n")
    assert (
        "Debian's package dataset-fashion-mnist: it is not installed (apt-get install dataset-fashion-mnist)" in message
    )
    assert "127.0.0.1:9/a/: " in message
    assert f"(not gzipped) into {tmp_path / 'cache' / 'fashion-mnist'}" in message


def test_a_damaged_file_in_the_cache(package: Path, tmp_path: Path) -> None:
    load_data("fashion-mnist")
    (tmp_path / "cache" / "fashion-mnist" / "train-labels-idx1-ubyte").write_bytes(b"other")
    with pytest.raises(DataError, match=r"Fashion-MNIST's file has .* with 'condvae data fetch fashion-mnist'"):
        load_data("fashion-mnist")


def test_no_argument() -> None:
    with pytest.raises(ConfigError, match=r"'fashion-mnist' takes no argument, got 'x'\. Write fashion-mnist\."):
        load_data("fashion-mnist:x")


@pytest.mark.slow
def test_fashion_mnist_is_fashion_mnist() -> None:
    """The real one, where it is in the cache, in Debian's package, or on the network."""
    data: Dataset = load_data("fashion-mnist")
    assert data.train.counts() == dict.fromkeys(fashion.CLASSES, 6000)
    assert data.test.counts() == dict.fromkeys(fashion.CLASSES, 1000)
    assert data.train.mean_image().mean() == pytest.approx(0.2860, abs=1e-4)
