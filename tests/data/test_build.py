"""A listing becomes a data set: classes, parts, splits, options, and what is kept in the run folder."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from condvae.config import DataConfig
from condvae.data.check import check
from condvae.data.dataset import Dataset
from condvae.data.listing import Listing
from condvae.data.packing.packed import PackedImages
from condvae.data.sources import load_data, open_source
from condvae.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))


def images(count: int, shape: Sequence[int] = (6, 5), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8)


def folder(path: Path, counts: dict[str, int], shape: Sequence[int] = (6, 5), seed: int = 0) -> Path:
    """A folder of PNG files, all of them different."""
    pixels = iter(images(sum(counts.values()), shape, seed))
    for name, count in counts.items():
        (path / name).mkdir(parents=True)
        for number in range(count):
            Image.fromarray(next(pixels)).save(path / name / f"{number}.png")
    return path


def load(path: Path, **options: object) -> Dataset:
    return load_data(DataConfig(f"folder:{path}", **options))


def test_test_images_are_drawn_class_by_class_and_always_the_same(tmp_path: Path) -> None:
    path = folder(tmp_path / "made", {"cat 10": 30, "cat 2": 20, "one": 1})
    data, again, other = load(path), load(path), load(path, seed=1)
    assert data.train.classes == ("cat 2", "cat 10", "one"), "2 comes before 10"
    assert data.test.counts() == {"cat 2": 2, "cat 10": 3, "one": 0}
    assert data.train.counts() == {"cat 2": 18, "cat 10": 27, "one": 1}
    assert list(data.test.names) == list(again.test.names) != list(other.test.names)
    assert (data.test.pixels() == again.test.pixels()).all()
    assert not set(data.train.names) & set(data.test.names)
    name, label = data.train.names[0], data.train.labels[0]
    assert name.startswith(data.train.classes[label])
    assert (data.train.pixels()[0, 0] == np.asarray(Image.open(path / name))).all()
    assert data.record["images"]["test"] == data.test.counts()
    assert data.record["split"] == "drawn"
    assert data.record["color_mode"] == "grayscale"
    assert data.record["image_size"] == [6, 5]


def test_copies_stay_on_one_side_of_each_split(tmp_path: Path) -> None:
    path = folder(tmp_path / "made", {"a": 30, "b": 30}, shape=(16, 16))
    for name in ("a", "b"):
        for number in range(0, 30, 2):
            (path / name / f"{number + 1}.png").write_bytes((path / name / f"{number}.png").read_bytes())
    data = load(path, test_split=0.3).hold_out(0.3)
    assert data.validation is not None
    parts = [data.train, data.validation, data.test]
    assert all(len(part) % 2 == 0 for part in parts)
    pixels = [{image.tobytes() for image in part.pixels()} for part in parts]
    assert not pixels[0] & (pixels[1] | pixels[2])
    assert not pixels[1] & pixels[2]


def test_parts_of_the_source_are_kept(tmp_path: Path) -> None:
    for seed, (part, count) in enumerate({"train": 8, "val": 3, "test": 2}.items()):
        folder(tmp_path / "made" / part, {"a": count, "b": count}, seed=seed)
    data = load(tmp_path / "made", validation_split=0.5)
    assert data.validation is not None
    assert [len(part) for part in (data.train, data.validation, data.test)] == [16, 6, 4]
    assert data.hold_out(0.5) is data
    assert data.record["split"] == "the parts of the source"


def test_a_label_in_the_test_part_that_training_lacks(tmp_path: Path) -> None:
    folder(tmp_path / "made" / "train", {"a": 4})
    folder(tmp_path / "made" / "test", {"a": 2, "b": 2}, seed=1)
    with pytest.raises(
        DataError, match=r"has images of 'b' in the part test, and none in the part train\. Add training"
    ):
        load(tmp_path / "made")


def test_images_without_a_label(tmp_path: Path) -> None:
    path = folder(tmp_path / "made", {"a": 8, "b": 8, "unknown": 5})
    data = load(path, unlabelled="unknown")
    assert data.train.classes == ("a", "b")
    assert data.unlabelled is not None
    assert data.unlabelled.shape == (5, 1, 6, 5)
    assert data.record["unlabelled"] == 5
    assert (data.unlabelled[0, 0] == np.asarray(Image.open(path / "unknown" / "0.png"))).all()
    with pytest.raises(
        ConfigError, match=r"data\.unlabelled is 'unknow', and .* has no such folder .* Found: a, b, unkn"
    ):
        load(path, unlabelled="unknow")


def test_copies_without_a_label_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise test images would be trained on."""
    path = folder(tmp_path / "made", {"a": 8, "b": 8})
    shutil.copytree(path / "a", path / "more")
    folder(path, {"more/other": 3}, seed=1)
    data = load(path, unlabelled="more")
    assert data.unlabelled is not None
    assert (len(data.unlabelled), data.record["unlabelled"]) == (3, 3)
    assert "left out, because they are copies of images with one: 8." in capsys.readouterr().err


def test_declared_classes_may_have_the_name_of_images_without_a_label(tmp_path: Path) -> None:
    listing = open_source(f"folder:{folder(tmp_path / 'made', {'a': 8, 'b': 8, 'unknown': 5})}")
    assert isinstance(listing, Listing)
    listing = replace(listing, classes=("b", "unknown", "a"))
    options = DataConfig(unlabelled="unknown")
    assert Dataset.from_listing(listing, options).train.classes == ("b", "a")
    assert check(listing, options).classes == ("b", "a")


def test_a_folder_beside_the_parts(tmp_path: Path) -> None:
    for seed, part in enumerate(("train", "test")):
        folder(tmp_path / "made" / part, {"a": 4, "b": 4}, seed=seed)
    folder(tmp_path / "made", {"extra": 3}, seed=2)
    with pytest.raises(DataError, match=r"3 images that are in none of these parts: 'extra'\. .*--data\.unlabelled"):
        load(tmp_path / "made")
    assert len(load(tmp_path / "made", unlabelled="extra").unlabelled) == 3


def test_class_names(tmp_path: Path) -> None:
    path = folder(tmp_path / "made", {"a": 4, "b": 6})
    data, swapped = load(path), load(path, class_names=("b", "a"))
    assert swapped.train.classes == ("b", "a")
    assert swapped.train.counts() == data.train.counts()
    with pytest.raises(ConfigError, match=r"data\.class_names must name the 2 classes 'a', 'b', got 'a', 'c'"):
        load(path, class_names=("a", "c"))


def test_names_for_numbers() -> None:
    labels = [1, 1, 1, 10, 10, 10, 2, 2, 2, 2]
    options = DataConfig(class_names=("one", "two", "ten"), test_split=2)
    data = Dataset.from_arrays(images(10), labels, options=options)
    assert data.train.classes == ("one", "two", "ten")
    assert np.bincount(np.concatenate([data.train.labels, data.test.labels])).tolist() == [3, 4, 3]
    assert Dataset.from_arrays(images(10), labels).train.classes == ("1", "2", "10"), "0 is no class"


def test_arrays_with_attributes_and_parts() -> None:
    sizes, kinds = np.linspace(0, 1, 8), ["x", "y"] * 4
    split = ["train"] * 4 + ["validation"] * 2 + ["test"] * 2
    data = Dataset.from_arrays(images(8, (6, 5, 3)), ["a", "b"] * 4, {"size": sizes, "kind": kinds}, split)
    assert data.train.shape == (3, 6, 5)
    assert data.train.kinds == {"size": (), "kind": ("x", "y")}
    assert data.validation is not None
    assert np.allclose(data.test.attributes["size"].values, sizes[-2:])
    assert (data.test.pixels() == images(8, (6, 5, 3)).transpose(0, 3, 1, 2)[-2:]).all()


@pytest.mark.parametrize(
    ("options", "shape"),
    [({}, (1, 12, 12)), ({"image_size": (8, 8)}, (1, 8, 8)), ({"color_mode": "rgb"}, (3, 12, 12))],
)
def test_size_and_color_mode(tmp_path: Path, options: dict, shape: tuple[int, ...]) -> None:
    path = folder(tmp_path / "made", {"a": 4, "b": 4}, shape=(12, 12))
    assert load(path, **options).train.shape == shape


def test_ready_made_sources_take_the_options(bars: Dataset) -> None:
    data = bars.refitted(
        DataConfig(image_size=(10, 14), color_mode="grayscale", class_names=("right", "left", "middle"))
    )
    assert data.train.shape == data.test.shape == (1, 10, 14)
    assert data.train.classes == ("right", "left", "middle")
    assert data.train.counts() == bars.train.counts()
    assert bars.train.classes[bars.train.labels[0]] == data.train.classes[data.train.labels[0]]
    assert bars.refitted(DataConfig()).train is bars.train
    with pytest.raises(ConfigError, match=r"data\.unlabelled must be empty for the source 'bars', got 'x'"):
        bars.refitted(DataConfig(unlabelled="x"))


def test_damaged_files_are_listed_or_left_out(tmp_path: Path) -> None:
    path = folder(tmp_path / "made", {"a": 8, "b": 8})
    (path / "a" / "3.png").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"a/3\.png: .*\n.*--data\.skip_damaged true"):
        load(path)
    data = load(path, skip_damaged=True)
    assert len(data.train) + len(data.test) == 15
    assert [one["name"] for one in data.record["skipped"]] == ["a/3.png"]


def test_pictures_that_lose_more_than_half_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder(tmp_path / "made", {"a": 20, "b": 20})
    load(path)
    assert "Less than half" not in capsys.readouterr().err
    load(path, image_size=(8, 40))
    said = "Less than half is left of 40 of 40 pictures, because they are cropped to the aspect ratio of 8 x 40."
    assert said in capsys.readouterr().err


def test_no_test_image_is_possible(tmp_path: Path) -> None:
    path = folder(tmp_path / "made", {"a": 1, "b": 1})
    with pytest.raises(DataError, match="No image can be held out for testing"):
        load(path)
    with pytest.raises(ConfigError, match=r"data\.test_split must be more than 0 for .* which has no test images"):
        load(path, test_split=0)


def test_images_that_stay_in_their_file_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folder(tmp_path / "made", {"a": 20, "b": 20, "x": 5})
    in_memory = load(path, unlabelled="x").hold_out(5)
    monkeypatch.setattr("condvae.data.build.IN_MEMORY", 0)
    in_file = load(path, unlabelled="x").hold_out(5)
    assert isinstance(in_file.train.images, PackedImages)
    assert isinstance(in_file.unlabelled, PackedImages)
    assert in_file.validation is not None
    assert in_memory.validation is not None
    pairs = (in_memory.train, in_file.train), (in_memory.test, in_file.test), (in_memory.validation, in_file.validation)
    for one, other in pairs:
        assert (one.pixels() == other.pixels()).all()
        assert (one.labels == other.labels).all()
        assert list(one.names) == list(other.names)
    assert in_memory.record == in_file.record
    assert in_memory.digest() == in_file.digest()


def test_the_fingerprint_depends_on_what_the_images_are(tmp_path: Path) -> None:
    path = folder(tmp_path / "made", {"a": 8, "b": 8})
    first = load(path).record["fingerprint"]
    os.utime(path / "a" / "3.png", (1, 1))
    assert load(path).record["fingerprint"] == first, "the time of a file does not count"
    assert load(path, seed=3).record["fingerprint"] != first
    Image.fromarray(255 - np.asarray(Image.open(path / "a" / "3.png"))).save(path / "a" / "3.png")
    assert load(path).record["fingerprint"] != first


def test_groups_are_kept_by_what_is_selected(bars: Dataset) -> None:
    part = replace(bars.train, groups=np.arange(len(bars.train)), names=[str(n) for n in range(len(bars.train))])
    chosen = part.select(np.array([4, 2]))
    assert chosen.groups is not None
    assert chosen.groups.tolist() == [4, 2]
    assert list(chosen.names) == ["4", "2"]
