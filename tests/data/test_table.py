"""The data source `table`: CSV and parquet files, and a message for each cell, column or file that does not fit."""

import json
import pickle
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from condvae.data.packing import making
from condvae.data.readers.columns import IMAGE_NAMES, LABEL_NAMES, SPLIT_NAMES
from condvae.data.readers.parquet_file import ROWS_AT_ONCE, ParquetPictures
from condvae.data.readers.table import load
from condvae.data.sources import load_data
from condvae.errors import EXTRAS, ConfigError, DataError, MissingExtraError
from tests.data.own_data import level, png, put, table

PICTURES = ("1.png", "2.png", "3.png")


@pytest.fixture(autouse=True)
def _parquet_needs_pyarrow_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "hf", ("pyarrow",))


def csv(folder: Path, text: str | bytes) -> str:
    """The path of a table beside three pictures."""
    put(folder, *PICTURES)
    put(folder, "t.csv", content=text if isinstance(text, bytes) else text.encode())
    return str(folder / "t.csv")


def test_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "split,file_name,Label,size,kind\ntrain,1.png, cat ,1,old\nval,2.png,7,2.5,new\n,3.png,cat,-3e-1,old\n"
    csv(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    listing = load("t.csv")
    assert listing.source == f"table:{tmp_path / 't.csv'}"
    assert listing.labels == ["cat", "7", "cat"]
    assert listing.parts == ["train", "validation", ""]
    assert listing.columns == {"size": [1, 2.5, -0.3], "kind": ["old", "new", "old"]}
    assert listing.classes == ()
    monkeypatch.chdir("/")
    assert level(pickle.loads(pickle.dumps(listing.pictures)), 2) == 0


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ways_to_write_a_table(tmp_path: Path, delimiter: str, start: bytes, end: str) -> None:
    lines = ("file_name,label,note", '1.png,"a, b; c\td",x', "", '2.png,"two\nlines",x', ",,")
    text = end.join(line if '"' in line else line.replace(",", delimiter) for line in lines)
    if delimiter != ",":
        text = (
            text.replace("1.png,", f"1.png{delimiter}")
            .replace("2.png,", f"2.png{delimiter}")
            .replace('",', f'"{delimiter}')
        )
    listing = load(csv(tmp_path, start + text.encode()))
    assert listing.labels == ["a, b; c\td", "two\nlines"]
    assert listing.columns == {"note": ["x", "x"]}


@pytest.mark.parametrize("image", IMAGE_NAMES)
@pytest.mark.parametrize("label", LABEL_NAMES)
@pytest.mark.parametrize("split", SPLIT_NAMES)
def test_names_of_columns(tmp_path: Path, image: str, label: str, split: str) -> None:
    listing = load(csv(tmp_path, f"{split.title()},{label.upper()},{image.title()}\ntest,cat,1.png\nTrain,dog,2.png\n"))
    assert listing.pictures.name(0) == "1.png"
    assert listing.labels == ["cat", "dog"]
    assert listing.parts == ["test", "train"]
    assert not listing.columns


def test_the_first_name_has_precedence(tmp_path: Path) -> None:
    listing = load(csv(tmp_path, "class,label,path,file_name\nx,cat,a,1.png\nx,dog,a,2.png\n"))
    assert listing.labels == ["cat", "dog"]
    assert listing.columns == {"class": ["x", "x"], "path": ["a", "a"]}


def test_absolute_paths_and_paths_out_of_the_folder(tmp_path: Path) -> None:
    path = table(tmp_path / "t", f"path,label\n{tmp_path}/1.png,a\n../2.png,b\n3.png ,c\n", "t.csv", ("3.png",))
    put(tmp_path, "1.png", "2.png", content=png(9))
    listing = load(str(path))
    assert [level(listing.pictures, index) for index in range(3)] == [9, 9, 0]


def test_korean_paths_in_two_unicode_forms(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "고양이.png")
    path = table(tmp_path, f"path,label\n고양이.png,{unicodedata.normalize('NFD', '고양이')}\n", "t.csv", (name,))
    assert load(str(path)).labels == ["고양이"]
    assert level(load(str(path)).pictures, 0) == 0


def test_attributes_that_are_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Categories are few. Numbers may be many, and few numbers are still numbers."""
    put(tmp_path, "1.png")
    rows = "".join(
        f"{row},1.png,a,{row % 150},h{row},text {row % 101},type {row % 100},{row % 2},\n" for row in range(300)
    )
    header = ",path,label,many,hash,texts,kind,few,nothing\n"
    listing = load(str(table(tmp_path, header + rows, "t.csv")))
    assert {name: len(set(values)) for name, values in listing.columns.items()} == {"many": 150, "kind": 100, "few": 2}
    assert listing.columns["few"][:3] == [0.0, 1.0, 0.0]
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(", because ")[2] for line in said] == [
        "it has no name ...",
        "it has 300 different texts, and at most 100 can be categories ...",
        "it has 101 different texts, and at most 100 can be categories ...",
        "it has neither text nor numbers ...",
    ]
    assert said[1].startswith(f"Leaving out the column 'hash' of {tmp_path / 't.csv'}")


def test_a_cell_of_spaces_is_empty(tmp_path: Path) -> None:
    put(tmp_path, "1.png")
    with pytest.raises(DataError, match=r"the attribute 'size' is empty in line 3"):
        load(str(table(tmp_path, "path,label,size\n1.png,a,1.5\n1.png,a, \n", "t.csv")))


BAD = {
    "header": ("file_name,label\n", r"t\.csv has a header only\. It needs a header and a row per image"),
    "empty": ("\n \n", r"t\.csv has no content"),
    "no pictures": (
        "a,label\nx,y\n",
        r"no column of pictures\. It has the columns 'a', 'label'\. Call .* file_name, path,",
    ),
    "no labels": ("path,a\n1.png,y\n", r"no column of labels\. .* 'path', 'a'\. .* label, class, category or target\."),
    "twice": ("path,Label,label\n1.png,a,b\n", r"two columns of one name, 'Label' and 'label'\. .*Rename one"),
    "missing": ("path,label\n1.png,a\nx.png,b\n.,b\n", r"names 2 file\(s\) that are not there: 'x\.png', '\.'\. Paths"),
    "no path": (
        "path,label\n1.png,a\n ,b\n",
        r"the path \('path'\) is empty in line 3\. Fill it in, or remove the rows",
    ),
    "no label": ("path,label\n1.png,\n\n2.png, \n", r"the label \('label'\) is empty in lines 2, 4\. Fill it in, or"),
    "case": ("path,label\n1.png,cat\n2.png,Cat\n", r"the classes 'Cat' and 'cat', which differ only by case"),
    "nan": (
        "path,label,size\n1.png,a,1\n2.png,a,NaN\n3.png,a,-inf\n",
        r"'size' is not a finite number in lines 3, 4\. ",
    ),
    "overflow": (
        "path,label,size\n1.png,a,1\n2.png,a,1e999\n",
        r"'size' is not a finite number in line 3\. Correct it",
    ),
    "gap": (
        "path,label,size\n1.png,a,1\n2.png,a,\n",
        r"the attribute 'size' is empty in line 3\. Fill it in, or remove the",
    ),
    "no kind": ("path,label,k\n1.png,a,x\n2.png,a,\n3.png,a,x\n", r"the attribute 'k' is empty in line 3\."),
    "ragged": (
        "path,label\n1.png,a\n2.png\n3.png,a,b\n",
        r"a header of 2 cells, and rows with .* line\(s\) 3, 4\. Correct",
    ),
    "split": (
        "path,label,split\n1.png,a,dev\n2.png,a,train\n",
        r"'split' has 'dev', which is no part .* in line 2\. Allowed",
    ),
    "quote": (
        'path,label\n1.png,a\n"2.png,a\n3.png,a\n',
        r"damaged in the row that starts in line 3: .* quotation marks",
    ),
    "latin-1": (
        "path,label\n1.png,caf\xe9\n".encode("latin-1"),
        r"not UTF-8 text: line 2 has the byte 0xe9, .* Save it as UTF-8",
    ),
    "cp949": (
        "path,label\n1.png,a\n2.png,고양이\n".encode("cp949"),
        r"not UTF-8 text: line 3 has the byte 0xb0, .*CP949",
    ),
    "utf-16": (
        "path,label\n1.png,고\n".encode("utf-16"),
        r"not UTF-8 text: line 1 has zero bytes, as UTF-16 and binary",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables(tmp_path: Path, name: str) -> None:
    text, message = BAD[name]
    with pytest.raises(DataError, match=message):
        load(csv(tmp_path, text))


def test_the_first_ten_are_listed(tmp_path: Path) -> None:
    text = "path,label\n" + "".join(f"x{row}.png,a\n" for row in range(1500))
    with pytest.raises(
        DataError, match=r"names 1,500 file\(s\) .*: 'x0\.png', .*, 'x9\.png' and 1,490 more\. Paths are"
    ):
        load(csv(tmp_path, text))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("nothing.csv", r"There is no file .*nothing\.csv\. Check the path\. A table is a CSV file"),
        (".", r"is a folder, and a table is a CSV file .*\. Write table:FILE, or folder:"),
        ("1.png", r"1\.png has the suffix '\.png', and a table is a CSV file .* Save it as one of these"),
    ],
)
def test_bad_files(tmp_path: Path, argument: str, message: str) -> None:
    put(tmp_path, "1.png")
    with pytest.raises(DataError, match=message):
        load(str(tmp_path / argument))


def test_no_file_is_named() -> None:
    with pytest.raises(
        ConfigError, match=r"The data source 'table' needs a file\. Write table:FILE\.csv or table:FILE\.p"
    ):
        load("")


def test_a_table_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    path = csv(tmp_path, "path,label\n")
    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(
        DataError, match=r"Cannot read .*t\.csv: Permission denied\. Check the path and its permissions"
    ):
        load(path)


def parquet(
    folder: Path, columns: dict[str, Any], rows_per_group: int = 100, names: dict[str, Any] | None = None
) -> str:
    """The path of a parquet file, with Hugging Face's description of its features if names are given."""
    made = pyarrow.table(columns)
    if names:
        features = {name: {"names": found, "_type": "ClassLabel"} for name, found in names.items()}
        made = made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path = folder / "t.parquet"
    pyarrow.parquet.write_table(made, path, row_group_size=rows_per_group)
    return str(path)


@pytest.mark.parametrize("pairs", [False, True])
@pytest.mark.parametrize("rows_per_group", [1000, 30])
def test_parquet_with_pictures(tmp_path: Path, pairs: bool, rows_per_group: int) -> None:
    """Pictures are found in any order, a few rows at a time, also in another process."""
    count = 2 * ROWS_AT_ONCE + 10
    files = [png(index) for index in range(count)]
    column = [{"bytes": file, "path": f"{index}.png"} for index, file in enumerate(files)] if pairs else files
    columns = {"image": column, "label": [index % 2 for index in range(count)], "size": [0.5] * count}
    listing = load(parquet(tmp_path, columns, rows_per_group))
    assert isinstance(listing.pictures, ParquetPictures)
    assert len(listing.pictures) == count
    assert [level(listing.pictures, index) for index in range(count)] == list(range(count))
    assert [level(listing.pictures, index) for index in (70, 3, 137, 0)] == [70, 3, 137, 0]
    assert level(pickle.loads(pickle.dumps(listing.pictures)), 100) == 100
    assert len(set(listing.pictures.stamps())) == count
    assert listing.pictures.name(0) == "t.parquet row 1"
    assert listing.labels[:3] == ["0", "1", "0"]
    assert listing.columns == {"size": [0.5] * count}


def test_parquet_of_hugging_face_names_its_classes(tmp_path: Path) -> None:
    columns = {"img": [png()] * 3, "label": [2, 0, 2], "kind": [1, 0, 1]}
    listing = load(parquet(tmp_path, columns, names={"label": ["dog", "cat", "bird"], "kind": ["old", "new"]}))
    assert listing.labels == ["bird", "dog", "bird"]
    assert listing.classes == ("dog", "bird"), "in the order of the file, without those that have no picture"
    assert listing.columns == {"kind": ["new", "old", "new"]}
    with pytest.raises(DataError, match=r"column 'label' has 2, but names only 2 classes\. Correct it"):
        load(parquet(tmp_path, columns, names={"label": ["cat", "dog"]}))
    with pytest.raises(DataError, match=r"the label \('label'\) is empty in row 2\."):
        load(parquet(tmp_path, {**columns, "label": [1, -1, 0]}, names={"label": ["cat", "dog"]}))


@pytest.mark.parametrize("pairs", [False, True])
def test_parquet_with_paths(tmp_path: Path, pairs: bool) -> None:
    put(tmp_path, *PICTURES)
    column = [{"bytes": None, "path": name} for name in PICTURES] if pairs else list(PICTURES)
    kind = pyarrow.struct({"bytes": pyarrow.binary(), "path": pyarrow.string()}) if pairs else pyarrow.string()
    columns = {"image": pyarrow.array(column, kind), "label": ["a", "b", "a"], "split": ["train", "test", None]}
    listing = load(parquet(tmp_path, columns))
    assert [listing.pictures.name(index) for index in range(3)] == list(PICTURES)
    assert listing.parts == ["train", "test", ""]


def test_types_of_parquet_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = {
        "photo": [png()] * 3,
        "label": [1.0, 2.0, 1.0],
        "code": ["1", "2", "1"],
        "flag": [True, False, True],
        "whole": [1, 2, 3],
        "words": pyarrow.array(["x", "y", "x"]).dictionary_encode(),
        "list": [[1, 2]] * 3,
        "day": [date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 1)],
        "time": pyarrow.array([1, 2, 1], pyarrow.timestamp("ns")),
    }
    listing = load(parquet(tmp_path, columns))
    assert listing.labels == ["1", "2", "1"]
    assert listing.columns == {
        "code": ["1", "2", "1"],
        "flag": ["True", "False", "True"],
        "whole": [1, 2, 3],
        "words": ["x", "y", "x"],
        "day": ["2024-01-01", "2024-01-02", "2024-01-01"],
        "time": [f"1970-01-01 00:00:00.00000000{last}" for last in (1, 2, 1)],
    }
    assert "the column 'list'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"image": [png(), None], "label": ["a", "b"]},
            r"the picture \('image'\) is empty in row 2\. Write it, or remove",
        ),
        ({"image": [png(), png()], "label": ["a", None]}, r"the label \('label'\) is empty in row 2\. Fill it in"),
        ({"image": [png()] * 2, "label": ["a"] * 2, "x": [1, None]}, r"the attribute 'x' is empty in row 2\."),
        ({"image": [png()] * 2, "label": ["a"] * 2, "x": [1, float("inf")]}, r"'x' is not a finite number in row 2\."),
        ({"image": [png()], "other": ["a"]}, r"no column of labels\. It has the columns 'other'"),
        ({"a": [png()], "b": [png()], "label": ["a"]}, r"no column of pictures\. It has the columns 'a', 'b', 'label'"),
        (
            {"image": pyarrow.array([], pyarrow.binary()), "label": pyarrow.array([], pyarrow.string())},
            r"has no rows\. It",
        ),
    ],
)
def test_bad_parquet(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(parquet(tmp_path, columns))


def test_parquet_without_statistics(tmp_path: Path) -> None:
    made = pyarrow.table({"image": [png(1), None], "label": ["a", "b"]})
    pyarrow.parquet.write_table(made, tmp_path / "t.parquet", write_statistics=False)
    with pytest.raises(DataError, match=r"the picture \('image'\) is empty in row 2\."):
        load(str(tmp_path / "t.parquet"))


@pytest.mark.parametrize("part", ["nothing", "end", "footer", "pages"])
def test_damaged_parquet(tmp_path: Path, part: str) -> None:
    path = Path(parquet(tmp_path, {"image": [png(index) for index in range(50)], "label": ["a"] * 50}))
    content = bytearray(path.read_bytes())
    if part == "pages":
        content[4:400] = bytes(396)
    elif part == "footer":
        start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
        content[start : start + 30] = bytes(30)
    path.write_bytes({"nothing": b"", "end": content[:-30]}.get(part, bytes(content)))
    with pytest.raises(DataError, match=r"Cannot read .*t\.parquet as a parquet file: .+\. Copy or write it again"):
        level(load(str(path)).pictures, 0)


@pytest.mark.parametrize("processes", [1, 2])
def test_damaged_rows_are_said_by_any_number_of_processes(
    tmp_path: Path, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr(making, "cpus", lambda: processes)
    path = tmp_path / "t.parquet"
    made = pyarrow.table({"image": [png(index) for index in range(100)], "label": ["a"] * 100})
    pyarrow.parquet.write_table(made, path, row_group_size=20, compression="none")
    content = bytearray(path.read_bytes())
    start = pyarrow.parquet.ParquetFile(path).metadata.row_group(3).column(0).data_page_offset
    content[start : start + 40] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"Cannot read .*t\.parquet as a parquet file: .+\. Copy or write it again"):
        load_data(f"table:{path}")


def test_parquet_without_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "hf", ("no_such_package",))
    with pytest.raises(MissingExtraError, match=r"Reading parquet files needs no_such_package.*'condvae\[hf\]'"):
        load(parquet(tmp_path, {"image": [png()], "label": ["a"]}))
