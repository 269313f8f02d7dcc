"""The data source `arrays`: shapes and types of images, labels and attributes, and a message for all others."""

import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condvae.data.dataset import Dataset
from condvae.data.listing import Listing
from condvae.data.packing import decoders, making
from condvae.data.readers.arrays import listing_of, load
from condvae.errors import ConfigError, DataError

GENERATOR = np.random.default_rng(0)
GREY = GENERATOR.integers(0, 256, (6, 5, 7), dtype=np.uint8)
GREY[0, 0, :2] = 0, 255
COLOUR = GENERATOR.integers(0, 256, (6, 5, 7, 3), dtype=np.uint8)
LABELS = np.array([0, 1, 10, 0, 1, 10])


def save(folder: Path, **arrays: Any) -> str:
    """The path of an .npz file with images and labels, unless others are given."""
    np.savez(folder / "a.npz", **{"images": GREY, "labels": LABELS, **arrays})
    return str(folder / "a.npz")


def pixels(listing: Listing) -> np.ndarray:
    return np.stack([np.asarray(listing.pictures.open(index)) for index in range(len(listing.pictures))])


def test_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(
        tmp_path, size=np.arange(6) / 2, kind=np.array(["x", "y"] * 3), split=np.array(["train", "val", ""] * 2)
    )
    monkeypatch.chdir(tmp_path)
    listing = load("a.npz")
    assert listing.source == f"arrays:{path}"
    assert np.array_equal(pixels(listing), GREY)
    assert listing.labels == ["0", "1", "10", "0", "1", "10"]
    assert listing.parts == ["train", "validation", ""] * 2
    assert listing.columns == {"size": [0, 0.5, 1, 1.5, 2, 2.5], "kind": ["x", "y"] * 3}
    assert len(set(listing.pictures.stamps())) == 6
    assert listing.pictures.name(3) == "image 3"
    monkeypatch.chdir("/")
    assert np.array_equal(pixels(pickle.loads(pickle.dumps(listing))), GREY)


@pytest.mark.parametrize("save_with", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_files_are_read_in_any_order(tmp_path: Path, save_with: Any, order: str) -> None:
    save_with(tmp_path / "a.npz", images=np.asarray(COLOUR, order=order), labels=LABELS)
    listing = load(str(tmp_path / "a.npz"))
    for index in (4, 1, 5, 0, 0):
        assert np.array_equal(np.asarray(listing.pictures.open(index)), COLOUR[index])


RGBA = GENERATOR.integers(0, 256, (6, 5, 7, 4), dtype=np.uint8)
SIXTEEN = GENERATOR.integers(0, 65536, (6, 5, 7, 3), dtype=np.uint16)


@pytest.mark.parametrize(
    ("images", "expected", "mode"),
    [
        (GREY, GREY, "L"),
        (GREY[..., np.newaxis], GREY, "L"),
        (GREY[:, np.newaxis], GREY, "L"),
        (COLOUR, COLOUR, "RGB"),
        (COLOUR.transpose(0, 3, 1, 2), COLOUR, "RGB"),
        (RGBA, RGBA, "RGBA"),
        (GREY > 100, np.where(GREY > 100, 255, 0), "L"),
        (GREY / 255, GREY, "L"),
        ((COLOUR / 255).astype(np.float32), COLOUR, "RGB"),
        ((GREY / 255).astype(np.float16), GREY, "L"),
        ((GREY / 255).astype(">f4"), GREY, "L"),
        (SIXTEEN[..., 0], SIXTEEN[..., 0], "I;16"),
        (SIXTEEN[..., :1].astype(">u2"), SIXTEEN[..., 0], "I;16"),
        (SIXTEEN, np.rint(SIXTEEN / 257), "RGB"),
        (COLOUR.astype(np.uint16) * 257, COLOUR, "RGB"),
    ],
    ids=lambda value: f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else value,
)
@pytest.mark.parametrize("in_file", [False, True])
def test_shapes_and_types(tmp_path: Path, images: np.ndarray, expected: np.ndarray, mode: str, in_file: bool) -> None:
    listing = load(save(tmp_path, images=images)) if in_file else listing_of(images, LABELS, {}, None, "made")
    assert listing.pictures.open(0).mode == mode
    assert np.array_equal(pixels(listing), expected)


def test_channels_are_last_if_they_may_be(capsys: pytest.CaptureFixture[str]) -> None:
    images = GENERATOR.integers(0, 256, (2, 3, 5, 3), dtype=np.uint8)
    listing = listing_of(images, ["a", "b"], {}, None, "made")
    assert np.array_equal(pixels(listing), images)
    assert (
        "The images of made have the shape (2, 3, 5, 3), of which the last axis is taken for" in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("labels", "texts"),
    [
        (np.array([[2], [0]], np.uint8), ["2", "0"]),
        (["cat", "고양이"], ["cat", "고양이"]),
        (np.array([b"cat", "고양이".encode()]), ["cat", "고양이"]),
        ([True, False], ["True", "False"]),
    ],
)
def test_labels(labels: Any, texts: list[str]) -> None:
    listing = listing_of(GREY[:2], labels, {}, None, "made")
    assert listing.labels == texts
    assert listing.source == "made"
    assert listing.parts == ["", ""]


def test_stamps_of_arrays_in_memory_follow_from_type_and_shape() -> None:
    """The same bytes can be other pictures."""
    images = np.zeros((6, 3, 4, 4), np.uint8)
    images[:, :, 0] = 1
    others = [images, images.astype(bool), images.reshape(6, 4, 4, 3), images.reshape(6, 6, 8)]
    stamps = [next(iter(listing_of(one, LABELS, {}, None, "made").pictures.stamps())) for one in others]
    assert len(set(stamps)) == len(others)


def test_arrays_in_memory_are_not_copied_to_other_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path))
    monkeypatch.setattr(making, "cpus", lambda: 4)
    monkeypatch.setattr(decoders, "_start", lambda: pytest.fail("a process was started"))
    images = np.random.default_rng(0).integers(0, 256, (200, 5, 7), dtype=np.uint8)
    data = Dataset.from_arrays(images, np.arange(200) % 2)
    assert len(data.train) + len(data.test) == 200


def test_stamps_of_arrays_in_memory_follow_from_their_pixels() -> None:
    changed = GREY.copy()
    changed[3, 0, 0] ^= 1
    one, other = (list(listing_of(images, LABELS, {}, None, "made").pictures.stamps()) for images in (GREY, changed))
    assert [index for index in range(6) if one[index] != other[index]] == [3]


def with_value(value: float) -> np.ndarray:
    images = GREY / 255
    images[4, 2, 2] = value
    return images


BAD = {
    "object images": (
        {"images": np.array([GREY[0], GREY[1, 1:]], object)},
        r"'images' of .* has Python objects .*unpickled",
    ),
    "object labels": ({"labels": np.array(["a", 1] * 3, object)}, r"'labels' of .*objects .* labels\.astype\(str\)"),
    "shape": ({"images": GREY[0]}, r"have the shape \(5, 7\)\. Allowed: \(N, H, W\), \(N, H, W, 1 or 3 or 4\) or"),
    "channels": ({"images": np.zeros((6, 2, 5, 7), np.uint8)}, r"have the shape \(6, 2, 5, 7\)\. Allowed: "),
    "none": ({"images": GREY[:0], "labels": LABELS[:0]}, r"have the shape \(0, 5, 7\): there are none"),
    "no pixels": ({"images": GREY[:, :0]}, r"have the shape \(6, 0, 7\): there are none\. At least one is needed"),
    "type": ({"images": GREY.astype(np.int64)}, r"have the type int64\. Allowed: uint8 .*images\.astype\(np\.uint8\)"),
    "wide type": ({"images": GREY.astype(np.uint32)}, r"have the type uint32\. Allowed"),
    "complex": ({"images": GREY.astype(complex)}, r"have the type complex128\. Allowed"),
    "above 1": ({"images": GREY.astype(float)}, r"are floats from 0 to 255\. Floats must be .*images / 255"),
    "below 0": ({"images": with_value(-0.5)}, r"are floats from -0\.5 to 1\. .*\(images \+ 1\) / 2"),
    "nan": ({"images": with_value(np.nan)}, r"at the position\(s\) 4 have values that are not finite\. Correct them"),
    "inf": ({"images": with_value(np.inf)}, r"at the position\(s\) 4 have values that are not finite"),
    "dark": (
        {"images": GREY.astype(np.uint16)},
        r"are uint16, for which white is 65535, and their largest value is 255\. If",
    ),
    "count": (
        {"labels": LABELS[:5]},
        r"There are 6 images in .* 'labels' has the shape \(5,\)\. .* \(6,\)\. Correct it",
    ),
    "one-hot": ({"labels": np.eye(6, dtype=int)}, r"'labels' has the shape \(6, 6\)"),
    "float labels": (
        {"labels": LABELS / 1},
        r"'labels' of .* has the type float64\. Allowed: integers or text\. Convert",
    ),
    "empty label": ({"labels": np.array(["a", "", "b"] * 2)}, r"the label \('labels'\) is empty in positions 1, 4\."),
    "bytes": ({"labels": np.array([b"\xff"] * 6)}, r"'labels' of .* has bytes that are not UTF-8\. Convert it"),
    "case": ({"labels": np.array(["a", "A"] * 3)}, r"the classes 'A' and 'a', which differ only by case"),
    "attribute": ({"size": np.ones((6, 2))}, r"'size' has the shape \(6, 2\)\. It needs one value for each image"),
    "complex attribute": ({"size": np.ones(6, complex)}, r"'size' .* the type complex128\. Allowed: numbers or text"),
    "nan attribute": ({"size": np.array([1, np.nan] * 3)}, r"'size' is not a finite number in positions 1, 3, 5\."),
    "split": ({"split": np.array(["train", "dev"] * 3)}, r"'split' has 'dev', which is no part .* positions 1, 3, 5\."),
    "split type": ({"split": LABELS}, r"'split' of .* has the type int64\. Allowed: text"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arrays(tmp_path: Path, name: str) -> None:
    arrays, message = BAD[name]
    with pytest.raises(DataError, match=message):
        load(save(tmp_path, **arrays))


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (tmp_path / "sprung").touch, ()

    path = save(tmp_path, images=GREY, labels=LABELS, extra=np.array([Trap()] * 6, object))
    with pytest.raises(DataError, match=r"'extra' of .* would have to be unpickled\. condvae does not do that"):
        load(path)
    assert not (tmp_path / "sprung").exists()


def test_bad_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"The data source 'arrays' needs a file\. Write arrays:FILE\.npz"):
        load("")
    with pytest.raises(DataError, match=r"There is no file .*nothing\.npz\. Check the path"):
        load(str(tmp_path / "nothing.npz"))
    with pytest.raises(DataError, match=r"is a folder, and the data source 'arrays' reads an \.npz file"):
        load(str(tmp_path))
    np.save(tmp_path / "a.npy", GREY)
    with pytest.raises(
        DataError, match=r"Cannot read .*a\.npy as an \.npz file: File is not a zip file\. Save it again"
    ):
        load(str(tmp_path / "a.npy"))
    np.savez(tmp_path / "keras.npz", x_train=GREY, labels=LABELS)
    with pytest.raises(
        DataError, match=r"has no array 'images'\. It has 'x_train', 'labels'\. Save it with np\.savez_"
    ):
        load(str(tmp_path / "keras.npz"))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damaged_files(tmp_path: Path, compression: int) -> None:
    path = Path(save(tmp_path))
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for damaged, message in (
        (
            members["images.npy"][:-3],
            r"'images' of .* has 207 bytes, and its shape \(6, 5, 7\) of uint8 needs 210\. Save",
        ),
        (b"\x93NUMPY\x01\0\xff", r"Cannot read .*a\.npz as an \.npz file: .*\. Save it again"),
        (b"", r"Cannot read .*a\.npz as an \.npz file: .*\. Save it again"),
    ):
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in {**members, "images.npy": damaged}.items():
                archive.writestr(name, content)
        with pytest.raises(DataError, match=message):
            load(str(path))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=re.escape(f"Cannot read {path} as an .npz file")):
        load(str(path))
