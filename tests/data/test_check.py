"""The check of a data set: each finding with planted cases, and nothing where nothing is wrong."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from condvae.config import DataConfig
from condvae.data.check import Check, Finding, check
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.data.readers.folder import load
from condvae.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))


def picture(seed: int) -> Image.Image:
    """A colour picture of 24 x 32 that is unlike that of any other seed."""
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(blocks.repeat(4, 0).repeat(4, 1))


def folder(root: Path, **classes: range) -> Path:
    """A folder with a sub-folder for each class and a picture for each seed. `a__b` is the folder a/b."""
    for name, seeds in classes.items():
        place = root / name.replace("__", "/")
        place.mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            picture(seed).save(place / f"{seed}.png")
    return root


def checked(root: Path, **options: object) -> Check:
    return check(load(str(root)), DataConfig(f"folder:{root}", **options))


def finding(found: Check, title: str) -> Finding:
    (one,) = [finding for finding in found.findings if finding.title == title]
    return one


def titles(found: Check) -> list[tuple[str, bool]]:
    return [(finding.title, finding.is_wrong) for finding in found.findings]


def test_nothing_is_wrong(tmp_path: Path) -> None:
    found = checked(folder(tmp_path / "set", cat=range(20), dog=range(100, 121)))
    assert found.source == f"folder:{tmp_path / 'set'}"
    assert found.findings == ()
    assert found.wrong == 0
    assert found.counts == {"images": [20, 21]}
    assert found.sizes == {"24 x 32": 41}
    assert found.modes == {"colour": 41}
    assert found.images.shape == (41, 3, 24, 32)


def test_counts_of_parts_and_kinds_of_pictures(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", train__cat=range(25), train__dog=range(50, 75), test__cat=range(100, 103))
    Image.new("L", (5, 7)).save(root / "train" / "dog" / "grey.png")
    Image.fromarray(np.zeros((5, 5), np.uint16)).save(root / "train" / "dog" / "deep.png")
    found = checked(root)
    assert found.counts == {"train": [25, 27], "test": [3, 0]}
    assert found.sizes == {"24 x 32": 53, "7 x 5": 1, "5 x 5": 1}
    assert found.modes == {"colour": 53, "grey": 1, "16-bit grey": 1}


def test_pictures_that_cannot_be_read(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", cat=range(20), dog=range(100, 120))
    (root / "cat" / "empty.png").write_bytes(b"")
    (root / "dog" / "cut.png").write_bytes((root / "dog" / "100.png").read_bytes()[:60])
    found = checked(root)
    one = finding(found, "Pictures that cannot be read")
    assert one.is_wrong
    assert [line.partition(":")[0] for line in one.lines] == ["cat/empty.png", "dog/cut.png"]
    assert "--data.skip_damaged true" in one.text
    assert found.counts == {"images": [20, 20]}


def test_pictures_that_lose_more_than_half(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", cat=range(20), dog=range(100, 120))
    Image.new("RGB", (60, 20)).save(root / "cat" / "wide.png")
    (root / "dog" / "high.png").write_bytes((root / "dog" / "100.png").read_bytes())
    one = finding(checked(root), "Sizes of pictures of which less than half is left")
    assert not one.is_wrong
    assert one.lines == ("20 x 60: 1 picture",)
    assert "aspect ratio of 48 x 64. Keep the whole of them with --data.resize pad" in one.text


def test_no_picture_can_be_read(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", cat=range(0))
    (root / "cat" / "1.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"None of the 1 pictures can be decoded"):
        checked(root)


def test_duplicates_within_a_class(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", cat=range(20), dog=range(100, 120))
    picture(3).save(root / "cat" / "again.png")
    picture(104).save(root / "dog" / "near.jpg", quality=90, subsampling=0)
    found = checked(root)
    assert titles(found) == [("Duplicates", False)]
    assert found.findings[0].lines == (
        "the same pixels, cat: cat/3.png, cat/again.png",
        "nearly the same, dog: dog/104.png, dog/near.jpg",
    )
    assert [item.name for item in found.findings[0].groups[0]] == ["cat/3.png", "cat/again.png"]
    assert found.wrong == 0


def test_duplicates_across_parts(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", train__cat=range(20), train__dog=range(50, 70), test__cat=(7, 30), test__dog=(80,))
    found = checked(root)
    assert titles(found) == [("The same picture in several parts", True)]
    assert found.findings[0].lines == ("the same pixels: train/cat/7.png (train, cat), test/cat/7.png (test, cat)",)


def test_the_same_picture_with_several_labels(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", train__cat=range(20), train__dog=range(19, 39), test__cat=(40, 38))
    found = checked(root)
    assert titles(found) == [
        ("The same picture in several parts", True),
        ("The same picture with several labels", True),
    ]
    assert found.findings[1].lines == (
        "the same pixels: train/cat/19.png (train, cat), train/dog/19.png (train, dog)",
        "the same pixels: train/dog/38.png (train, dog), test/cat/38.png (test, cat)",
    )
    assert found.wrong == 2


def test_many_copies_are_counted(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", cat=range(20))
    for number in range(7):
        picture(0).save(root / "cat" / f"copy {number}.png")
    line = finding(checked(root), "Duplicates").lines[0]
    assert line == "the same pixels, cat: cat/0.png, cat/copy 0.png, cat/copy 1.png, cat/copy 2.png and 4 more"


def test_classes_with_few_images(tmp_path: Path) -> None:
    found = checked(folder(tmp_path / "set", cat=range(20), dog=range(100, 119), emu=range(200, 201)))
    assert titles(found) == [
        ("Classes with fewer than 2 images", True),
        ("Classes with fewer than 20 images", False),
    ]
    assert [finding.lines for finding in found.findings] == [("emu: 1",), ("dog: 19",)]


def test_labels_that_training_lacks(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", train__cat=range(20), train__dog=range(50, 70), test__emu=range(90, 92))
    found = checked(root)
    assert titles(found) == [("Labels in the part test that training images lack", True)]
    assert found.findings[0].lines == ("emu: 2 images",)


def test_images_without_a_label(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", train__cat=range(20), test__cat=(40,), more=range(60, 63))
    assert finding(checked(root), "Images in no part").lines == ("more/60.png", "more/61.png", "more/62.png")
    found = checked(root, unlabelled="more")
    assert found.findings == ()
    assert found.unlabelled == 3
    assert found.classes == ("cat",)
    with pytest.raises(ConfigError, match=r"has no folder 'others' with images\. Check its name"):
        checked(root, unlabelled="others")


def test_a_copy_without_a_label_contradicts_nothing(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", train__cat=range(20), test__cat=(40,), more=(40, 5))
    found = checked(root, unlabelled="more")
    assert titles(found) == [("Duplicates", False)]
    assert found.findings[0].lines[0] == "the same pixels: train/cat/5.png (train, cat), more/5.png (no label)"


def test_no_labels_at_all(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", cat=range(20))
    assert titles(checked(root, unlabelled="cat")) == [("No image has a label", True)]


def test_a_data_set_that_is_loaded_already() -> None:
    images = np.stack([np.asarray(picture(seed).convert("L"))[np.newaxis] for seed in range(70)])
    labels = np.arange(30) % 2
    data = Dataset(
        "made",
        LabelledImages(images[:30], labels, ("a", "b")),
        LabelledImages(np.concatenate([images[30:35], images[2:3]]), labels[:6], ("a", "b")),
        LabelledImages(images[40:50], labels[:10], ("a", "b")),
    )
    found = check(data, DataConfig("made"))
    assert found.counts == {"train": [15, 15], "validation": [5, 5], "test": [3, 3]}
    assert found.modes == {"grey": 46}
    assert titles(found)[0] == ("The same picture in several parts", True)
    assert finding(found, "The same picture in several parts").lines == (
        "the same pixels: train[2] (train, a), test[5] (test, b)",
    )
    assert finding(found, "Classes with fewer than 20 training images").lines == ("a: 15", "b: 15")
