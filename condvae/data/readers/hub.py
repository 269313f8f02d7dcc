"""Hugging Face data sets: a name on the Hub, a folder that `save_to_disk` wrote, or parquet files.

Code of a data set is never run: `datasets` 4 and later has no way to do it.
"""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from PIL import Image

from condvae.data.listing import Listing, file_stamp
from condvae.data.pictures import PictureError, opened
from condvae.data.readers import columns
from condvae.data.readers.columns import LABEL_NAMES, Cell, Table, find_column
from condvae.data.readers.names import check_class_names, composed, first_ten, part_of
from condvae.data.readers.parquet_file import cells
from condvae.errors import ConfigError, DataError, require_extra
from condvae.progress import announce

USAGE = "Write hf:NAME or hf:NAME:CONFIG for a data set on the Hugging Face Hub, or hf:PATH for one on the disk."
NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
SAVED = ("dataset_dict.json", "state.json")  # what `save_to_disk` writes into the folder of a data set
LABELS = (*LABEL_NAMES, "labels", "classes")


def load(argument: str) -> Listing:
    """A data set of Hugging Face `datasets`.

    The pictures are the column of the type Image, and the labels the first column of the type ClassLabel, or else the
    column of one of the names LABELS. Class labels of -1 are pictures without a label. Columns of numbers, text and
    class labels are attributes by the rules of `columns.attributes`. Splits with the names train, validation (or val,
    valid) and test are the parts. If there is one split only, the source has no parts.

    Raises:
        ConfigError: nothing is named, or something that is neither a path nor a name on the Hub.
        DataError: the data set is not available, is damaged, or has no images or labels.
        MissingExtraError: `datasets` is not installed.
    """
    if not argument:
        raise ConfigError(f"The data source 'hf' needs a data set. {USAGE}")
    require_extra("hf", "The data source 'hf'")
    source, splits = _opened(argument)
    chosen = _splits(source, splits)
    first = next(iter(chosen.values()))
    image, label = _image_column(source, first.features), _label_column(source, first.features)
    tables = [_table(source, name, split, image) for name, split in chosen.items()]
    labels: list[str | None] = []
    for table in tables:
        labels += _class_labels(table, label) if label in table.classes else columns.labels(table, label)
    used = set(labels) - {None}
    check_class_names((one for one in labels if one is not None), source)
    parts = [
        part_of(name) or "" if len(chosen) > 1 else "" for name, split in chosen.items() for _ in range(len(split))
    ]
    return Listing(
        source=source,
        pictures=HubPictures(chosen, image),
        labels=labels,
        parts=parts,
        columns=columns.attributes(tables, {label}),
        classes=tuple(name for name in tables[0].classes.get(label, ()) if name in used),
    )


class HubPictures:
    """The pictures of one or several splits. Their bytes stay in the files of `datasets` until they are read.

    Args:
        splits: `datasets.Dataset` by name.
        column: the column of the pictures.
    """

    in_memory = False

    def __init__(self, splits: Mapping[str, Any], column: str) -> None:
        from datasets import Image as Feature

        self.column = column
        self.names = list(splits)
        self.splits = [
            split.select_columns([column]).cast_column(column, Feature(decode=False)) for split in splits.values()
        ]
        self.starts = [0, *accumulate(len(split) for split in self.splits)]

    def __len__(self) -> int:
        return self.starts[-1]

    def _place(self, index: int) -> tuple[int, int]:
        number = bisect_right(self.starts, index) - 1
        return number, index - self.starts[number]

    def name(self, index: int) -> str:
        number, row = self._place(index)
        return f"{self.names[number]} row {row + 1}"

    def open(self, index: int) -> Image.Image:
        number, row = self._place(index)
        found = self.splits[number][row][self.column]
        if found is None or (found["bytes"] is None and not found["path"]):
            raise PictureError("the row has no picture")
        return opened(found["path"] if found["bytes"] is None else found["bytes"])

    def stamps(self) -> Iterable[str]:
        for name, split in zip(self.names, self.splits, strict=True):
            found = [file_stamp(file["filename"]) for file in split.cache_files]
            stamp = hashlib.sha256(repr((name, self.column, found)).encode()).hexdigest()[:16]
            yield from (f"{stamp} {row}" for row in range(len(split)))


def _opened(argument: str) -> tuple[str, Mapping[str, Any]]:
    """The source with an absolute path, and its splits by name."""
    whole = Path(argument).expanduser()
    name, _, config = argument.rpartition(":") if ":" in argument and not whole.exists() else (argument, "", "")
    path = Path(name).expanduser()
    if path.exists():
        path = path.absolute()
        return f"hf:{path}" + (f":{config}" if config else ""), _from_disk(path, config)
    if not NAME.fullmatch(name):
        raise ConfigError(f"There is no path {name}, and it is not a name on the Hugging Face Hub. {USAGE}")
    return f"hf:{argument}", _from_hub(name, config)


def _from_disk(path: Path, config: str) -> Mapping[str, Any]:
    import datasets

    if path.is_file():
        files: dict[str, Any] = {"data_files": {"train": str(path)}}
        return _read(str(path), lambda: datasets.load_dataset("parquet", config or None, **files))
    if any((path / name).is_file() for name in SAVED):
        found = _read(str(path), lambda: datasets.load_from_disk(str(path)))
        return found if isinstance(found, datasets.DatasetDict) else {"train": found}
    if next(path.rglob("*.parquet"), None) is None:
        raise DataError(
            f"{path} is neither a folder that save_to_disk wrote nor one with parquet files. For a folder of image "
            f"files, write folder:{path}."
        )
    return _read(str(path), lambda: datasets.load_dataset(str(path), config or None))


def _from_hub(name: str, config: str) -> Mapping[str, Any]:
    import datasets

    announce(f"Loading the data set '{name}' of the Hugging Face Hub")
    try:
        return _read(name, lambda: datasets.load_dataset(name, config or None))
    except ConnectionError as error:
        raise DataError(
            f"There is no path {name}, and the Hugging Face Hub cannot be reached to look for a data set of this name. "
            "Check the path or the network (HF_HUB_OFFLINE must not be set). Without a network, download the data set "
            "elsewhere, save it with save_to_disk, copy the folder to this machine and write hf:PATH."
        ) from error


def _read(name: str, load: Callable[[], Any]) -> Any:
    """What `datasets` loads. ConnectionError passes.

    Raises:
        DataError: it is not there, or is damaged.
    """
    from datasets.exceptions import DatasetNotFoundError

    try:
        return load()
    except ConnectionError:
        raise
    except DatasetNotFoundError as error:
        raise DataError(
            f"There is no path {name}, and no public data set of this name on the Hugging Face Hub. Check the name. "
            "For a private one, log in with 'hf auth login' first."
        ) from error
    except Exception as error:  # damaged files end in errors of many libraries
        raise DataError(
            f"Hugging Face datasets cannot read {name}: {_first_line(error.__cause__ or error)} Check the name, the "
            "configuration and the files, or fetch the data again."
        ) from error


def _first_line(error: BaseException) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return line if line.endswith((".", "!", "?")) else f"{line}."


def _splits(source: str, splits: Mapping[str, Any]) -> dict[str, Any]:
    """The splits that are parts of a data set, or the only one."""
    filled = {str(name): split for name, split in splits.items() if len(split)}
    known = {name: split for name, split in filled.items() if part_of(name)}
    chosen = known if known else filled
    if len(chosen) > 1 and not known:
        raise DataError(
            f"{source} has the splits {first_ten(list(chosen))}, and none of them is called train, validation or test. "
            "Rename one of them."
        )
    if not chosen:
        raise DataError(f"{source} has no rows. Choose another data set or configuration.")
    if len(chosen) < len(filled):
        left = [name for name in filled if name not in chosen]
        announce(f"Leaving out the splits {first_ten(left)} of {source}, which are not train, validation or test")
    first = next(iter(chosen.values()))
    for name, split in chosen.items():
        if split.features != first.features:
            raise DataError(
                f"The splits of {source} have different columns: {_described(first.features)}, and in {name} "
                f"{_described(split.features)}. Give them the same columns, and save the data set with save_to_disk."
            )
    return chosen


def _image_column(source: str, features: Mapping[str, Any]) -> str:
    from datasets import Image as Feature

    found = [name for name, feature in features.items() if isinstance(feature, Feature)]
    if len(found) == 1:
        return found[0]
    if found:
        raise DataError(
            f"{source} has several columns of images, {first_ten(found)}. Keep one of them, with remove_columns, and "
            "save the data set with save_to_disk."
        )
    raise DataError(
        f"{source} has no column of images. Its columns are {_described(features)}. One of them must have the type "
        "Image: use cast_column, and save the data set with save_to_disk."
    )


def _label_column(source: str, features: Mapping[str, Any]) -> str:
    from datasets import ClassLabel, Value

    classes = [name for name, feature in features.items() if isinstance(feature, ClassLabel)]
    others = [name for name, feature in features.items() if isinstance(feature, Value)]
    found = find_column(classes, LABELS) or (classes[0] if classes else find_column(others, LABELS))
    if found is None:
        raise DataError(
            f"{source} has no column with one label for each image. Its columns are {_described(features)}. One of "
            f"them must have the type ClassLabel, or have texts or numbers (Value) and be called "
            f"{', '.join(LABELS[:-1])} or {LABELS[-1]}."
        )
    if len(classes) > 1:
        others = [name for name in classes if name != found]
        announce(f"Taking the column {found!r} of {source} for the label, and {first_ten(others)} for attributes")
    return found


def _described(features: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} ({type(feature).__name__})" for name, feature in features.items())


def _table(source: str, name: str, split: Any, image: str) -> Table:
    """The columns of a split without its pictures."""
    from datasets import ClassLabel, Value

    where = Path(f"{source} {name}")
    kept = [column for column, feature in split.features.items() if isinstance(feature, (ClassLabel, Value))]
    classes = {
        column: tuple(composed(one) for one in split.features[column].names)
        for column in kept
        if isinstance(split.features[column], ClassLabel)
    }
    left = [column for column in split.features if column not in kept and column != image]
    if left:
        announce(f"Leaving out the columns {first_ten(left)} of {where}, which are neither numbers nor text")
    read = split.select_columns(kept).with_format("arrow")[:] if kept else {}
    found: dict[str, Sequence[Cell]] = {column: cells(where, column, read[column], classes) for column in kept}
    return Table(where, "row", range(1, len(split) + 1), found, has_types=True, classes=classes)


def _class_labels(table: Table, column: str) -> list[str | None]:
    return [None if cell is None else str(cell) for cell in table.columns[column]]
