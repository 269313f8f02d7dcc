"""Names of classes, parts and files in users' own data, and how messages list names."""

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from condvae.errors import DataError, listed

PART_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "test": "test",
    "testing": "test",
}


def part_of(name: str) -> str | None:
    """The part of a data set that a name stands for, one of PARTS, whatever its case. None if it is no such name."""
    return PART_NAMES.get(name.strip().lower())


def composed(name: str) -> str:
    """A name in Unicode's composed form (NFC). macOS writes Korean syllables and accents in file names decomposed."""
    return unicodedata.normalize("NFC", name)


def first_ten(items: Sequence[object]) -> str:
    """The first ten of a list for a message, and how many more there are. Texts are quoted."""
    return listed(repr(item) if isinstance(item, str) else item for item in items)


def check_class_names(names: Iterable[str], where: object) -> None:
    """Make sure that no two class names differ only by case, because many file systems cannot tell them apart.

    Args:
        names: class names in composed form.
        where: what has these classes, for the message.

    Raises:
        DataError: two names differ only by case. The message has both.
    """
    seen: dict[str, str] = {}
    for name in sorted(set(names)):
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise DataError(
                f"{where} has the classes {other!r} and {name!r}, which differ only by case. If they are one class, "
                "give them one name. If they are two, give one of them another name."
            )


def find_file(folder: Path, written: str) -> str | None:
    """The path of a file as a table writes it, or without spaces around it, or in another Unicode form.

    Args:
        folder: the folder that relative paths start from.
        written: the path in the table.

    Returns:
        The path for which there is a file. None if there is none.
    """
    name = written.strip()
    forms = dict.fromkeys((written, name, composed(name), unicodedata.normalize("NFD", name)))
    return next((form for form in forms if (folder / form).is_file()), None)
