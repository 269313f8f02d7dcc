"""The data source `folder`: three layouts, any names, and a message for everything that does not fit."""

import os
import pickle
import unicodedata
from math import isnan
from pathlib import Path

import pytest

from condvae.data.listing import Files, Listing
from condvae.data.readers.folder import load
from condvae.errors import ConfigError, DataError
from tests.data.own_data import level, png, put, table


def rows(listing: Listing) -> list[tuple[str, str | None, str]]:
    """Path, label and part of each picture."""
    paths = [listing.pictures.name(index) for index in range(len(listing.pictures))]
    return list(zip(paths, listing.labels, listing.parts, strict=True))


def test_a_sub_folder_for_each_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "photos", "dog/2.png", "dog/10.png", "cat/old/1.png", "cat/2.jpg")
    put(tmp_path / "photos", "cat/notes.txt", "cat/.hidden.png", "dog/Thumbs.db", "__MACOSX/cat/1.png", ".git/x/1.png")
    monkeypatch.chdir(tmp_path)
    listing = load("photos")
    assert listing.source == f"folder:{tmp_path / 'photos'}"
    assert rows(listing) == [
        ("cat/2.jpg", "cat", ""),
        ("cat/old/1.png", "cat", ""),
        ("dog/10.png", "dog", ""),
        ("dog/2.png", "dog", ""),
    ]
    assert not listing.columns
    monkeypatch.chdir("/")
    put(tmp_path, "photos/cat/old/1.png", content=png(7))
    assert level(pickle.loads(pickle.dumps(listing.pictures)), 1) == 7
    assert len(set(listing.pictures.stamps())) == 4


def test_files_that_may_be_pictures_are_listed_for_the_decoder(tmp_path: Path) -> None:
    put(tmp_path, "cat/1.png", "cat/noname", "cat/clip.mp4", content=b"no picture")
    assert load(str(tmp_path)).labels == ["cat"] * 3


@pytest.mark.parametrize("validation", ["validation", "val", "Valid"])
def test_parts_above_the_classes(tmp_path: Path, validation: str) -> None:
    put(tmp_path, "test/dog/1.png", "train/cat/1.png", "train/dog/1.png", f"{validation}/cat/1.png", "extra/1.png")
    assert rows(load(str(tmp_path))) == [
        ("train/cat/1.png", "cat", "train"),
        ("train/dog/1.png", "dog", "train"),
        (f"{validation}/cat/1.png", "cat", "validation"),
        ("test/dog/1.png", "dog", "test"),
        ("extra/1.png", "extra", ""),
    ]


def test_a_class_called_train(tmp_path: Path) -> None:
    put(tmp_path, "train/1.png", "car/1.png", "bus/1.png")
    assert load(str(tmp_path)).labels == ["bus", "car", "train"]


def test_two_folders_for_one_part(tmp_path: Path) -> None:
    put(tmp_path, "train/cat/1.png", "val/cat/1.png", "valid/cat/1.png")
    with pytest.raises(DataError, match=r"has two folders for validation: 'val' and 'valid'\. Keep one of them"):
        load(str(tmp_path))


def test_a_class_may_be_missing_in_the_test_part(tmp_path: Path) -> None:
    put(tmp_path, "train/cat/1.png", "train/dog/1.png", "test/dog/1.png")
    (tmp_path / "test" / "cat").mkdir()
    assert load(str(tmp_path)).labels == ["cat", "dog", "dog"]


def test_metadata_in_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "file_name,label,size,kind,id\nb/2.png,dog,1.5,old,x1\n1.png,cat,2,new,x2\nb/3.png,cat,-1e2,old,x3\n"
    table(tmp_path, text, pictures=("1.png", "b/2.png", "b/3.png", "b/4.png", "more/5.png"))
    listing = load(str(tmp_path))
    assert rows(listing) == [
        ("b/2.png", "dog", ""),
        ("1.png", "cat", ""),
        ("b/3.png", "cat", ""),
        ("more/5.png", "more", ""),
    ]
    assert listing.columns["kind"] == ["old", "new", "old", ""], "pictures without a label have no attributes"
    assert listing.columns["size"][:3] == [1.5, 2, -100]
    assert isnan(listing.columns["size"][3])
    assert set(listing.columns) == {"kind", "size"}
    said = capsys.readouterr().err
    assert "Leaving out the column 'id'" in said
    assert "because it has another text in each row" in said
    assert f"Leaving out 1 file(s) of {tmp_path} that are in no class: 'b/4.png'" in said


def test_parts_of_metadata_follow_from_the_paths_or_a_column(tmp_path: Path) -> None:
    pictures = ("train/1.png", "test/2.png")
    table(tmp_path, "file_name,label\ntrain/1.png,cat\ntest/2.png,cat\n", pictures=pictures)
    assert load(str(tmp_path)).parts == ["train", "test"]
    table(tmp_path, "file_name,label,split\ntrain/1.png,cat,val\ntest/2.png,cat,\n")
    assert load(str(tmp_path)).parts == ["validation", ""]


def test_metadata_in_each_part(tmp_path: Path) -> None:
    """Whether a column is of numbers is decided for all tables together."""
    table(tmp_path / "test", "file_name,label,size\n1.png,cat,1\n", pictures=("1.png",))
    text = "file_name,label,size\n1.png,cat,2\n2.png,dog,big\n3.png,dog,big\n"
    table(tmp_path / "train", text, pictures=("1.png", "2.png", "3.png"))
    listing = load(str(tmp_path))
    assert rows(listing)[0] == ("train/1.png", "cat", "train")
    assert rows(listing)[3] == ("test/1.png", "cat", "test")
    assert listing.columns == {"size": ["2", "big", "big", "1"]}


def test_metadata_that_parts_do_not_share(tmp_path: Path) -> None:
    table(tmp_path / "train", "file_name,label\n1.png,cat\n", pictures=("1.png",))
    put(tmp_path, "test/cat/1.png")
    with pytest.raises(
        DataError, match=r"the folders 'train' have a metadata\.csv, and 'test' have none\. Put one into"
    ):
        load(str(tmp_path))
    table(tmp_path / "test", "file_name,label,size\n1.png,cat,1\n", pictures=("1.png",))
    with pytest.raises(
        DataError, match=r"train/metadata\.csv has the columns 'file_name', 'label', and .*'size'\. Give"
    ):
        load(str(tmp_path))


def test_metadata_that_leads_out_or_names_missing_files(tmp_path: Path) -> None:
    put(tmp_path, "1.png")
    table(tmp_path / "set", "file_name,label\n../1.png,cat\n2.png,cat\n/etc/x.png,cat\n", pictures=("2.png",))
    with pytest.raises(DataError, match=r"'file_name' leads out of the folder .* in lines 2, 4\. Copy the images"):
        load(str(tmp_path / "set"))
    table(tmp_path / "set", "file_name,label\n2.png,cat\n3.png,cat\n")
    with pytest.raises(
        DataError, match=r"names 1 file\(s\) that are not there: '3\.png'\. Paths are relative to .*set\."
    ):
        load(str(tmp_path / "set"))


def test_metadata_with_korean_names_from_a_mac(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "고양이") + ".png"
    table(tmp_path, "file_name,label\n고양이.png,고양이\n", pictures=(name,))
    listing = load(str(tmp_path))
    assert listing.labels == ["고양이"]
    assert level(listing.pictures, 0) == 0


NAMES = ["with space", "고양이", "😀", "-n", "two\nlines", "quote'", '"', "%s{x}", "a.b"]


def test_any_names(tmp_path: Path) -> None:
    put(tmp_path, *(f"{name}/{name}.png" for name in NAMES))
    listing = load(str(tmp_path))
    assert set(listing.labels) == set(NAMES)
    for index, label in enumerate(listing.labels):
        assert listing.pictures.name(index) == f"{label}/{label}.png"
        assert level(listing.pictures, index) == 0


def test_class_names_are_composed(tmp_path: Path) -> None:
    put(tmp_path, unicodedata.normalize("NFD", "train/고양이/1.png"), "test/고양이/1.png")
    assert load(str(tmp_path)).labels == ["고양이", "고양이"]


def test_class_names_in_two_unicode_forms(tmp_path: Path) -> None:
    put(tmp_path, unicodedata.normalize("NFD", "가/1.png"), "가/1.png")
    with pytest.raises(DataError, match=r"'\\u1100\\u1161' and '\\uac00' differ only in how .* both are '가'\. Move"):
        load(str(tmp_path))


@pytest.mark.parametrize("paths", [("Cat/1.png", "cat/1.png"), ("train/Cat/1.png", "test/cat/1.png")])
def test_class_names_that_differ_by_case(tmp_path: Path, paths: tuple[str, ...]) -> None:
    put(tmp_path, *paths)
    with pytest.raises(DataError, match=r"the classes 'Cat' and 'cat', which differ only by case\. If they are one"):
        load(str(tmp_path))


def test_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"The data source 'folder' needs a folder\. Write folder:DIR"):
        load("")


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no folder .*/nothing\. Check the path"):
        load(str(tmp_path / "nothing"))


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    put(tmp_path, "1.png")
    with pytest.raises(
        DataError, match=r"1\.png is a file, and the data source 'folder' reads a folder\. Write folder:"
    ):
        load(str(tmp_path / "1.png"))


def test_no_images(tmp_path: Path) -> None:
    put(tmp_path, "cat/notes.txt", "README.md")
    with pytest.raises(DataError, match=f"There are no images in {tmp_path}. Check the path, or put images into it"):
        load(str(tmp_path))


def test_a_part_without_images(tmp_path: Path) -> None:
    put(tmp_path, "train/cat/1.png", "test/cat/notes.txt")
    with pytest.raises(DataError, match=r"There are no images in .*/test\. Put images into it, or remove it"):
        load(str(tmp_path))


@pytest.mark.parametrize("folder", ["", "train/"])
def test_images_but_no_classes(tmp_path: Path, folder: str) -> None:
    put(tmp_path, "1.png", f"{folder}1.png", *(["test/cat/1.png"] if folder else []))
    text = (
        rf"has 1 image\(s\) .* such as '{folder}1\.png', but no classes.* {tmp_path}/cat/1\.png; .*/train/cat/1\.png; "
    )
    with pytest.raises(DataError, match=f"{text}or images beside a metadata.csv with the columns file_name and label"):
        load(str(tmp_path))


def test_files_beside_the_classes_are_announced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path, "cat/1.png", "preview.png")
    assert load(str(tmp_path)).labels == ["cat"]
    assert "Leaving out 1 file(s)" in capsys.readouterr().err


@pytest.mark.parametrize("part", ["", "train/"])
def test_an_empty_class(tmp_path: Path, part: str) -> None:
    put(tmp_path, f"{part}cat/1.png", f"{part}dog/notes.txt", *(["test/cat/1.png"] if part else []))
    text = rf"there are no images of the class\(es\) '{part}dog'\. Put images into the folder\(s\), or remove them"
    with pytest.raises(DataError, match=text):
        load(str(tmp_path))


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    Path(os.fsdecode(bytes(tmp_path) + b"/cat/\xe9.png")).write_bytes(b"")
    with pytest.raises(DataError, match=r"The name b'\\xe9\.png' in the folder .*cat' is not UTF-8\. Rename the file"):
        load(str(tmp_path))


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def scandir(path: Path) -> object:
        if path.name == "dog":
            raise PermissionError(13, "Permission denied")
        return real(path)

    real = os.scandir
    put(tmp_path, "cat/1.png", "dog/1.png")
    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(DataError, match=r"Cannot read the folder .*dog: Permission denied\. Change its permissions"):
        load(str(tmp_path))


@pytest.mark.parametrize(("target", "link"), [("out/cat", "set/cat"), ("out/cat/1.png", "set/dog/1.png")])
def test_a_link_out_of_the_folder(tmp_path: Path, target: str, link: str) -> None:
    put(tmp_path, "out/cat/1.png", "set/dog/2.png")
    (tmp_path / link).symlink_to(tmp_path / target)
    text = f"The symbolic link {tmp_path / link} leads out of the folder .*, to {tmp_path / target}. Copy the files"
    with pytest.raises(DataError, match=text):
        load(str(tmp_path / "set"))


def test_a_table_behind_a_link_out_of_the_folder(tmp_path: Path) -> None:
    target = table(tmp_path / "out", "file_name,label\n1.png,cat\n")
    put(tmp_path, "set/1.png")
    (tmp_path / "set" / "metadata.csv").symlink_to(target)
    with pytest.raises(DataError, match="leads out of the folder"):
        load(str(tmp_path / "set"))


@pytest.mark.parametrize("target", ["nothing", "1.png"])
def test_a_link_that_leads_nowhere(tmp_path: Path, target: str) -> None:
    put(tmp_path, "cat/2.png")
    (tmp_path / "cat" / "1.png").symlink_to(target)
    with pytest.raises(DataError, match=r"1\.png points to .*, where there is nothing\. Remove the link"):
        load(str(tmp_path))


def test_links_inside_the_folder(tmp_path: Path) -> None:
    put(tmp_path, "set/cat/old/1.png", "set/dog/1.png")
    (tmp_path / "set" / "dog" / "2.png").symlink_to("../cat/old/1.png")
    (tmp_path / "set" / "a kitten").symlink_to("cat")
    (tmp_path / "elsewhere").symlink_to("set")
    listing = load(str(tmp_path / "elsewhere"))
    assert isinstance(listing.pictures, Files)
    assert listing.pictures.paths == ["a kitten/old/1.png", "cat/old/1.png", "dog/1.png", "dog/2.png"]
    assert level(listing.pictures, 3) == 0


def test_circular_links(tmp_path: Path) -> None:
    put(tmp_path, "cat/1.png", "dog/1.png")
    for link, target in (
        ("loop", "."),
        ("cat/up", ".."),
        ("cat/self", "../cat"),
        ("cat/x", "../dog"),
        ("dog/y", "../cat"),
    ):
        (tmp_path / link).symlink_to(target)
    assert [row[:2] for row in rows(load(str(tmp_path)))] == [
        ("cat/1.png", "cat"),
        ("cat/x/1.png", "cat"),
        ("dog/1.png", "dog"),
        ("dog/y/1.png", "dog"),
    ]


def test_equal_names_sizes_and_times_in_two_folders_are_different_pictures(tmp_path: Path) -> None:
    for name in ("one", "two"):
        put(tmp_path / name, "cat/1.png")
        os.utime(tmp_path / name / "cat/1.png", ns=(0, 0))
    one, other = (list(load(str(tmp_path / name)).pictures.stamps()) for name in ("one", "two"))
    assert one != other
