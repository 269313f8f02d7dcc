"""Generated images lie as those of the source do."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from condvae.evaluation.layouts import Archive, ClassFolders, Table, folder_name, layout_of
from tests.data.own_data import put, table

CLASSES = ("cat", "dog/wolf")


def test_sources_without_a_layout_of_their_own_have_class_folders(tmp_path: Path) -> None:
    for source in ("mnist", "idx:somewhere", "folder:missing", "table:missing.csv", "hf:name"):
        assert layout_of(source, CLASSES) == ClassFolders("", ("cat", "dog%2Fwolf"))
    assert layout_of("arrays:somewhere.npz", CLASSES) == Archive("", ("cat", "dog%2Fwolf"))


@pytest.mark.parametrize(
    ("paths", "place"),
    [
        (("cat/1.png", "dog/1.png"), ""),
        (("train/cat/1.png", "test/cat/1.png"), "train"),
        (("Training/cat/1.png", "val/cat/1.png"), "Training"),
        (("train/1.png", "car/1.png"), ""),
    ],
)
def test_folders(paths: tuple[str, ...], place: str, tmp_path: Path) -> None:
    put(tmp_path, *paths)
    layout = layout_of(f"folder:{tmp_path}", ("cat", "dog"))
    assert layout == ClassFolders(place, ("cat", "dog"))
    assert layout.path(1, "x.png") == (f"{place}/dog/x.png" if place else "dog/x.png")


def test_hidden_folders_and_names_that_no_folder_has(tmp_path: Path) -> None:
    put(tmp_path, "train/1.png", "train/.cache/1.png", "100%/1.png")
    layout = layout_of(f"folder:{tmp_path}", ("train", "100%", "dog/wolf"))
    assert layout == ClassFolders("", ("train", "100%", "dog%2Fwolf"))


@pytest.mark.parametrize("place", ["", "train"])
def test_a_metadata_file(place: str, tmp_path: Path) -> None:
    table(tmp_path / place, "file_name,label,size\n1.png,cat,3\n", pictures=("1.png",))
    layout = layout_of(f"folder:{tmp_path}", CLASSES)
    begin = f"{place}/" if place else ""
    assert layout == Table(f"{begin}metadata.csv", "file_name", "label", None, ("size",))
    assert layout.path(0, "x.png") == f"{begin}images/x.png"


def test_a_table(tmp_path: Path) -> None:
    path = table(tmp_path, "Path\tTarget\tSubset\n1.png\tcat\ttrain\n", "cats.tsv", ("1.png",))
    assert layout_of(f"table:{path}", CLASSES) == Table("cats.csv", "Path", "Target", "Subset", ())


def test_a_table_with_the_name_of_the_record(tmp_path: Path) -> None:
    path = table(tmp_path, "path,label\n1.png,cat\n", "generated.csv", ("1.png",))
    assert layout_of(f"table:{path}", CLASSES).path(0, "x.png") == "images/x.png"
    assert layout_of(f"table:{path}", CLASSES) == Table("table.csv", "path", "label", None, ())


def test_a_parquet_file(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = {"picture": [b"bytes"], "label": ["cat"], "size": [3]}
    parquet.write_table(pyarrow.table(rows), tmp_path / "cats.parquet")
    expected = Table("cats.csv", "picture", "label", None, ("size",))
    assert layout_of(f"table:{tmp_path / 'cats.parquet'}", CLASSES) == expected


@pytest.mark.parametrize("label", [".hidden", "a/b", "100%", "고양이", "end.", " space ", "a b", "-dash", "c:\\d", "?"])
def test_names_of_folders_give_the_label_back(label: str, tmp_path: Path) -> None:
    name = folder_name(label)
    (tmp_path / name).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert not name.startswith(".")
    assert name == name.strip(". ")
    assert unquote(name) == label
