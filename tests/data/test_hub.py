"""Hugging Face data sets from the disk, the messages where one does not fit, and the Hub without a network."""

import io
import json
import pickle
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image

from condvae.data.pictures import PictureError
from condvae.data.readers import hub
from condvae.data.readers.hub import load
from condvae.errors import EXTRAS, ConfigError, DataError, MissingExtraError

COUNT = 8


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written to the user's cache, and nothing is fetched."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def picture(level: int) -> Image.Image:
    return Image.fromarray(np.full((4, 6, 3), level, np.uint8))


def rows(**columns: Any) -> Any:
    """Eight rows with an image, and the columns given as pairs of feature and values."""
    features = {"image": datasets.Image(), **{name: feature for name, (feature, _) in columns.items()}}
    values = {"image": [picture(10 * index) for index in range(COUNT)]}
    values |= {name: value for name, (_, value) in columns.items()}
    return datasets.Dataset.from_dict(values, features=datasets.Features(features))


def pets(**columns: Any) -> Any:
    """Images of cats and dogs, the last one without a label."""
    label = (datasets.ClassLabel(names=["dog", "cat", "unseen"]), [0, 1, 1, 0, 0, 1, 0, -1])
    return rows(label=label, **columns)


def saved(folder: Path, data: Any) -> str:
    data.save_to_disk(str(folder / "saved"))
    return str(folder / "saved")


def test_a_saved_data_set_with_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    age = (datasets.Value("int64"), list(range(COUNT)))
    owner = (datasets.ClassLabel(names=["ann", "bob"]), [0, 1] * 4)
    data = pets(age=age, owner=owner)
    parts = datasets.DatasetDict(train=data, val=data.select([0, 1]), test=data.select([2]), extra=data.select([3]))
    folder = saved(tmp_path, parts)
    monkeypatch.chdir(tmp_path)
    listing = load("saved")
    assert listing.source == f"hf:{folder}"
    assert listing.labels == ["dog", "cat", "cat", "dog", "dog", "cat", "dog", None, "dog", "cat", "cat"]
    assert listing.parts == ["train"] * 8 + ["validation"] * 2 + ["test"]
    assert listing.classes == ("dog", "cat")
    assert listing.columns == {
        "age": [*map(float, range(8)), 0.0, 1.0, 2.0],
        "owner": ["ann", "bob"] * 5 + ["ann"],
    }
    assert len(listing.pictures) == 11
    again = pickle.loads(pickle.dumps(listing.pictures))
    assert [again.open(index).getpixel((0, 0))[0] for index in (0, 7, 9, 10)] == [0, 70, 10, 20]
    assert [again.name(index) for index in (0, 9, 10)] == ["train row 1", "val row 2", "test row 1"]
    stamps = list(again.stamps())
    assert len(set(stamps)) == 11
    assert stamps == list(load(folder).pictures.stamps())


def test_what_is_left_out_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = pets(boxes=(datasets.List(datasets.Value("int64")), [[1]] * COUNT))
    load(saved(tmp_path, datasets.DatasetDict(train=data, test=data, unsupervised=data)))
    said = capsys.readouterr().err
    assert "Leaving out the splits 'unsupervised' of hf:" in said
    assert "Leaving out the columns 'boxes' of hf:" in said


def test_a_single_split_has_no_parts(tmp_path: Path) -> None:
    assert load(saved(tmp_path, pets())).parts == [""] * COUNT
    pets().to_parquet(tmp_path / "one.parquet")
    listing = load(str(tmp_path / "one.parquet"))
    assert listing.parts == [""] * COUNT
    assert listing.pictures.open(3).getpixel((0, 0)) == (30, 30, 30)


def test_a_folder_of_parquet_files(tmp_path: Path) -> None:
    folder = tmp_path / "set: one" / "data"
    folder.mkdir(parents=True)
    for part in ("train", "validation", "test"):
        pets().to_parquet(folder / f"{part}-00000-of-00001.parquet")
    listing = load(str(folder.parent))
    assert listing.parts == ["train"] * 8 + ["validation"] * 8 + ["test"] * 8
    assert listing.classes == ("dog", "cat")


def test_it_becomes_a_data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the other sources do: decoded, and with the picture without a label left to training."""
    from condvae.data.sources import load_data

    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "condvae"))
    data = load_data(f"hf:{saved(tmp_path, datasets.DatasetDict(train=pets(), test=pets().select([0, 1])))}")
    assert data.train.shape == (1, 4, 6)
    assert data.train.counts() == {"dog": 4, "cat": 3}
    assert data.test.pixels(slice(None))[:, 0, 0, 0].tolist() == [0, 10]
    assert data.unlabelled is not None
    assert len(data.unlabelled) == 1


@pytest.mark.parametrize("name", ["label", "Labels", "class"])
def test_labels_by_name(tmp_path: Path, name: str) -> None:
    values = (datasets.Value("int32"), [3, 1] * 4)
    assert load(saved(tmp_path, rows(**{name: values}))).labels == ["3", "1"] * 4


def test_several_class_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As in CIFAR-100, which has fine and coarse labels."""
    fine = (datasets.ClassLabel(names=["oak", "bus"]), [0, 1] * 4)
    coarse = (datasets.ClassLabel(names=["tree", "car"]), [0, 1] * 4)
    listing = load(saved(tmp_path, rows(fine=fine, coarse=coarse)))
    assert listing.labels == ["oak", "bus"] * 4
    assert listing.columns == {"coarse": ["tree", "car"] * 4}
    assert "Taking the column 'fine'" in capsys.readouterr().err
    (tmp_path / "other").mkdir()
    label = (datasets.ClassLabel(names=["b", "a"]), [0, 1] * 4)
    assert load(saved(tmp_path / "other", rows(fine=fine, label=label))).labels == ["b", "a"] * 4


def test_a_row_without_a_picture(tmp_path: Path) -> None:
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
    data = datasets.Dataset.from_dict({"image": [picture(0), None], "label": ["a", "b"]}, features=features)
    pictures = load(saved(tmp_path, data)).pictures
    assert pictures.open(0).size == (6, 4)
    with pytest.raises(PictureError, match="the row has no picture"):
        pictures.open(1)


def test_no_images(tmp_path: Path) -> None:
    data = pets(note=(datasets.Value("string"), ["x"] * COUNT)).remove_columns("image")
    message = (
        r"hf:.*saved has no column of images\. Its columns are label \(ClassLabel\), note \(Value\)\. .*cast_column"
    )
    with pytest.raises(DataError, match=message):
        load(saved(tmp_path, data))


def test_several_columns_of_images(tmp_path: Path) -> None:
    data = pets(mask=(datasets.Image(), [picture(0)] * COUNT))
    with pytest.raises(DataError, match=r"has several columns of images, 'image', 'mask'\. Keep one of them"):
        load(saved(tmp_path, data))


def test_no_labels(tmp_path: Path) -> None:
    data = pets(age=(datasets.Value("int64"), [1] * COUNT)).remove_columns("label")
    message = r"has no column with one label for each image\. .* image \(Image\), age \(Value\)\. .* called label,"
    with pytest.raises(DataError, match=message):
        load(saved(tmp_path, data))


def test_several_labels_for_each_image(tmp_path: Path) -> None:
    data = rows(labels=(datasets.Sequence(datasets.ClassLabel(names=["a", "b"])), [[0], [0, 1]] * 4))
    message = r"has no column with one label for each image\. .* labels \((List|Sequence)\)"
    with pytest.raises(DataError, match=message):
        load(saved(tmp_path, data))


def test_an_empty_label(tmp_path: Path) -> None:
    data = rows(label=(datasets.Value("string"), ["a", None] * 4))
    with pytest.raises(DataError, match=r"the label \('label'\) is empty in rows 2, 4, 6, 8"):
        load(saved(tmp_path, data))


def test_splits_of_other_names_or_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has the splits 'one', 'two', and none of them is called train"):
        load(saved(tmp_path, datasets.DatasetDict(one=pets(), two=pets())))
    other = pets(age=(datasets.Value("int64"), [1] * COUNT))
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match=r"have different columns: image \(Image\), label \(ClassLabel\), and in test"):
        load(saved(tmp_path / "other", datasets.DatasetDict(train=pets(), test=other)))


def test_no_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "load_dataset", lambda *_: datasets.DatasetDict(train=pets().select([])))
    with pytest.raises(DataError, match=r"hf:some/pets has no rows\. Choose another data set or configuration"):
        load("some/pets")


def test_damaged_folders(tmp_path: Path) -> None:
    folder = Path(saved(tmp_path, pets()))
    (arrow,) = folder.glob("*.arrow")
    content = arrow.read_bytes()
    arrow.write_bytes(content[:100])
    with pytest.raises(DataError, match=r"datasets cannot read .*saved: .*or fetch the data again\."):
        load(str(folder))
    arrow.write_bytes(content)
    (folder / "state.json").write_text(json.dumps({}))
    with pytest.raises(DataError, match="datasets cannot read"):
        load(str(folder))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 is what it should start with")
    with pytest.raises(DataError, match=r"datasets cannot read .*bad\.parquet: .*or fetch the data again\."):
        load(str(tmp_path / "bad.parquet"))


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    picture(0).save(buffer, "PNG")
    (tmp_path / "1.png").write_bytes(buffer.getvalue())
    with pytest.raises(DataError, match=f"is neither a folder that save_to_disk wrote .* write folder:{tmp_path}"):
        load(str(tmp_path))


def test_nothing_named() -> None:
    with pytest.raises(ConfigError, match=r"The data source 'hf' needs a data set\. Write hf:NAME"):
        load("")


@pytest.mark.parametrize("path", ["/no/such/folder", "./here", "a/b/c", "a b"])
def test_neither_a_path_nor_a_name(path: str) -> None:
    with pytest.raises(ConfigError, match=f"There is no path {path}, and it is not a name on the Hugging Face Hub"):
        load(path)


@pytest.mark.parametrize("name", ["ylecun/mnist", "ylecun/mnist:mnist", "cifar10"])
def test_the_hub_without_a_network(name: str) -> None:
    wanted = name.partition(":")[0]
    message = f"There is no path {wanted}, and the Hugging Face Hub cannot be reached .* write hf:PATH"
    with pytest.raises(DataError, match=message):
        load(name)


def test_a_name_that_the_hub_does_not_have(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise datasets.exceptions.DatasetNotFoundError("Dataset 'no/such' doesn't exist on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(DataError, match=r"no public data set of this name .* log in with 'hf auth login'"):
        load("no/such")


def test_a_data_set_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name and the configuration are passed on, and code of a data set is not asked for."""
    asked: list[tuple[object, ...]] = []

    def answer(*arguments: object, **options: object) -> Any:
        asked.append((*arguments, options))
        return datasets.DatasetDict(train=pets(), test=pets())

    monkeypatch.setattr(datasets, "load_dataset", answer)
    assert load("some/pets:small").source == "hf:some/pets:small"
    assert load("some/pets").parts == ["train"] * 8 + ["test"] * 8
    assert asked == [("some/pets", "small", {}), ("some/pets", None, {})]


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "hf", ("no_such_package",))
    with pytest.raises(MissingExtraError, match=r"The data source 'hf' needs no_such_package.*condvae\[hf\]"):
        load("ylecun/mnist")


def test_nothing_trusts_remote_code() -> None:
    assert "trust_remote_code" not in Path(hub.__file__).read_text("utf-8")
