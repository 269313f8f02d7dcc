"""The script that makes two data sources of emoji, with a small package of the same structure."""

import csv
import importlib.util
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from condvae.data.readers.folder import load as load_folder
from condvae.data.readers.table import load as load_table
from tests.data.own_data import level, png, put

SCRIPT = Path(__file__).parents[2] / "scripts" / "emoji.py"


@pytest.fixture
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("emoji", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def entry(image: str, category: str, **others: Any) -> dict[str, Any]:
    return {
        "image": image,
        "category": category,
        "subcategory": f"{category} - other",
        "added_in": "13.1",
        "has_img_twitter": True,
        **others,
    }


def variation(image: str, version: str = "4.0") -> dict[str, Any]:
    return {"image": image, "added_in": version, "has_img_twitter": True}


EMOJI = [
    entry("dog.png", "Animals & Nature", added_in="0.6"),
    entry(
        "two.png",
        "People & Body",
        skin_variations={
            "1F3FB": variation("two-1.png"),
            "1F3FF-1F3FF": variation("two-5-5.png"),
            "1F3FB-1F3FC": variation("two-1-2.png", "12.0"),
        },
    ),
    entry("cat.png", "Animals & Nature"),
    entry("nobody.png", "Flags", has_img_twitter=False),
]
IMAGES = ("dog", "two", "two-1", "two-5-5", "two-1-2", "cat")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The tarball of a package with six pictures."""
    folder = tmp_path / "package"
    for number, name in enumerate(IMAGES):
        put(folder, f"img/twitter/64/{name}.png", content=png(number))
    put(folder, "img/twitter/sheets/64.png", content=b"not needed")
    put(folder, "emoji.json", content=json.dumps(EMOJI).encode())
    with tarfile.open(tmp_path / "package.tgz", "w:gz") as archive:
        archive.add(folder, "package")
    return tmp_path / "package.tgz"


@pytest.mark.parametrize("kind", ["tarball", "folder", "folder above"])
def test_both_sources(
    script: ModuleType, package: Path, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"tarball": package, "folder": tmp_path / "package", "folder above": tmp_path}[kind]
    script.main([str(tmp_path / "out"), "--package", str(given)])
    output = capsys.readouterr().out.splitlines()
    assert output[:2] == ["     4 People & Body", "     2 Animals & Nature"]
    assert output[2].startswith(f"     6 emoji in {tmp_path / 'out' / 'folder'} and in ")
    listing = load_folder(str(tmp_path / "out" / "folder"))
    assert listing.labels == ["Animals & Nature"] * 2 + ["People & Body"] * 4
    assert [level(listing.pictures, index) for index in range(6)] == [5, 0, 4, 2, 3, 1]
    listing = load_table(str(tmp_path / "out" / "table" / "emoji.csv"))
    assert [level(listing.pictures, index) for index in range(6)] == list(range(6))
    assert listing.columns == {
        "sub_category": ["Animals & Nature - other", *["People & Body - other"] * 4, "Animals & Nature - other"],
        "skin_tone": ["none", "none", "light", "dark", "mixed", "none"],
        "version": [0.6, 13.1, 4, 4, 12, 13.1],
    }


def test_the_first_of_each_category(script: ModuleType, package: Path, tmp_path: Path) -> None:
    script.main([str(tmp_path / "out"), "--package", str(package), "--first", "1"])
    with (tmp_path / "out" / "table" / "emoji.csv").open(newline="") as file:
        assert [row["file_name"] for row in csv.DictReader(file)] == ["images/dog.png", "images/two.png"]
    assert len(list((tmp_path / "out" / "folder").rglob("*.png"))) == 2


def test_npm_fetches_the_package(
    script: ModuleType, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "npm", content=f'#!/bin/sh\n[ "$2" = {script.NPM_PACKAGE} ] && cp {package} "$5"\n'.encode())
    (tmp_path / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    script.main([str(tmp_path / "out")])
    assert len(load_folder(str(tmp_path / "out" / "folder")).labels) == 6


def test_npm_that_fails_or_is_not_there(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match=r"emoji\.py: npm is not on the PATH\. Install it\. Or: .* with --package"):
        script.main([str(tmp_path / "out")])
    put(tmp_path, "npm", content=b"#!/bin/sh\necho no such package >&2\nexit 3\n")
    (tmp_path / "npm").chmod(0o755)
    with pytest.raises(SystemExit, match=r"npm ended with exit status 3: no such package\. Fetch emoji-datasource-t"):
        script.main([str(tmp_path / "out")])
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: (_ for _ in ()).throw(subprocess.TimeoutExpired("npm", 1)))
    with pytest.raises(SystemExit, match=r"npm has not fetched .* in 600 seconds\. Fetch"):
        script.main([str(tmp_path / "out")])


def test_bad_packages(script: ModuleType, package: Path, tmp_path: Path) -> None:
    def fails(match: str, given: Path = tmp_path / "package") -> None:
        with pytest.raises(SystemExit, match=match):
            script.main([str(tmp_path / "out"), "--package", str(given)])
        assert not (tmp_path / "out").exists()

    fails(r"Cannot read the package .*nothing\.tgz: .* Fetch", tmp_path / "nothing.tgz")
    put(tmp_path, "cut.tgz", content=package.read_bytes()[:-100])
    fails(r"Cannot read the package .*cut\.tgz: .* Fetch", tmp_path / "cut.tgz")
    (tmp_path / "package" / "img" / "twitter" / "64" / "cat.png").unlink()
    fails(r"1 pictures are not in the package, such as images/cat\.png\. Fetch it again")
    put(tmp_path, "package/emoji.json", content=b'[{"image": 1}]')
    fails(r"emoji\.json is not that of emoji-datasource-twitter@16\.0\.0: KeyError")
    shutil.rmtree(tmp_path / "package" / "img")
    (tmp_path / "package" / "emoji.json").unlink()
    fails(r"Cannot read the package .*No such file .*emoji\.json")
    with tarfile.open(tmp_path / "other.tgz", "w:gz") as archive:
        archive.add(SCRIPT, "package/emoji.py")
    fails(r"other\.tgz has no file emoji\.json\. Name the tarball or the folder of", tmp_path / "other.tgz")


def test_bad_options(script: ModuleType, package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        script.main([str(tmp_path / "out"), "--package", str(package), "--first", "0"])
    assert "--first must be at least 1, got 0" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="exists and is not empty"):
        script.main([str(tmp_path), "--package", str(package)])
