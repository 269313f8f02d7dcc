"""Data in object storage is trained on as if it were here, and fetched again only where it changed."""

import io
from pathlib import Path

import numpy as np
import pytest

from condvae.config import DataConfig
from condvae.data.dataset import Dataset
from condvae.data.sources import load_data
from condvae.errors import DataError, StorageError
from condvae.images import png
from condvae.storage import connection
from condvae.storage.cloud import CloudPlace
from condvae.storage.copies import LIST, copied
from condvae.storage.files import cache_folder
from condvae.storage.places import place
from tests.conftest import Cli
from tests.storage import servers


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def photos(bucket: str, bars: Dataset) -> str:
    """The address of a folder of pictures."""
    folder = place(f"{bucket}/photos")
    for number, (image, label) in enumerate(zip(bars.train.images, bars.train.labels, strict=True)):
        (folder / f"{bars.train.classes[label]}/{number:03d}.png").create(png(image))
    return str(folder)


def test_a_folder_a_table_and_arrays_are_data_sets(bucket: str, photos: str, bars: Dataset) -> None:
    images, labels = bars.train.images, bars.train.labels
    file = io.BytesIO()
    np.savez(file, images=images[:, 0], labels=labels)
    (place(bucket) / "some.npz").create(file.getvalue())
    rows = [f"photos/{bars.train.classes[label]}/{number:03d}.png,{label}" for number, label in enumerate(labels)]
    (place(bucket) / "table.csv").create("\n".join(["image,label", *rows]).encode())
    for source in (f"folder:{photos}", f"arrays:{bucket}/some.npz", f"table:{bucket}/table.csv"):
        found = load_data(DataConfig(source, test_split=0.2))
        assert found.source == source
        assert len(found.train) + len(found.test) == len(images)
        again = load_data(DataConfig(source, test_split=0.2))
        assert np.array_equal(found.train.pixels(), again.train.pixels())


def test_only_what_changed_is_fetched_again(photos: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[str] = []
    fetch = CloudPlace.fetch
    monkeypatch.setattr(CloudPlace, "fetch", lambda at, path: (fetched.append(at.name), fetch(at, path)))
    folder = copied(photos)
    names = sorted(path.name for path in folder.rglob("*.png"))
    assert sorted(fetched) == names
    fetched.clear()
    assert copied(photos) == folder
    assert not fetched
    (first, *_), others = place(photos).entries()
    assert not others
    (place(photos) / f"{first}/{names[0]}").write(b"other")
    (place(photos) / f"{first}/new.png").write(b"new")
    kept = (place(photos) / first).entries().files
    (place(photos) / f"{first}/{kept[1]}").remove()
    copied(photos)
    assert sorted(fetched) == sorted([names[0], "new.png"])
    assert not (folder / first / kept[1]).exists()
    assert (folder / first / names[0]).read_bytes() == b"other"


def test_an_interrupted_copy_goes_on(photos: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fetch, calls = CloudPlace.fetch, []

    def interrupted(at: CloudPlace, path: Path) -> None:
        calls.append(at)
        if len(calls) > 5:
            raise StorageError("the disk is full")
        fetch(at, path)

    with monkeypatch.context() as patch:
        patch.setattr(CloudPlace, "fetch", interrupted)
        with pytest.raises(StorageError, match="full"):
            copied(photos)
        patch.setitem(connection.OPTIONS, "retry_config", {"max_retries": 1})
        patch.setenv("AWS_ENDPOINT", f"http://{servers.HOST}:{servers.free_port()}")
        connection.store.cache_clear()
        with pytest.raises(StorageError, match="cannot be reached"):  # because a part of it is no data set
            copied(photos)
    connection.store.cache_clear()
    folder = copied(photos)
    assert len(list(folder.rglob("*.png"))) == len(CloudPlace.at(photos).stamps())


def test_no_file_of_a_killed_process_stays_when_its_object_is_gone(
    photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch, fetched = CloudPlace.fetch, []

    def killed(at: CloudPlace, path: Path) -> None:
        if fetched:
            raise StorageError("the end")
        (record,) = (cache_folder() / "copies").glob(f"*/{LIST}")
        fetched.append((at, path, record, record.read_bytes()))
        fetch(at, path)

    with monkeypatch.context() as patch:
        patch.setattr(CloudPlace, "fetch", killed)
        with pytest.raises(StorageError, match="the end"):
            copied(photos)
    at, path, record, before = fetched[0]
    record.write_bytes(before)  # a process that is killed writes nothing at its end
    assert path.is_file()
    at.remove()
    copied(photos)
    assert not path.exists()


def test_without_a_network_the_copy_is_used(
    photos: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = copied(photos)
    monkeypatch.setenv("AWS_ENDPOINT", f"http://{servers.HOST}:{servers.free_port()}")
    monkeypatch.setitem(connection.OPTIONS, "retry_config", {"max_retries": 1})
    connection.store.cache_clear()
    assert copied(photos) == folder
    assert f"The copy in {folder} is used." in capsys.readouterr().err
    with pytest.raises(StorageError, match="cannot be reached"):
        copied(photos + "-of-cats")


def test_nothing_is_there(bucket: str, command: Cli) -> None:
    with pytest.raises(DataError, match="There is nothing at"):
        copied(f"{bucket}/nothing")
    assert "There is nothing at" in command.fails("data", "info", f"folder:{bucket}/nothing")


def test_commands_of_data_read_and_write_there(photos: str, bucket: str, command: Cli, bars: Dataset) -> None:
    assert "images are available" in command("data", "fetch", f"folder:{photos}")
    output = command("data", "info", f"folder:{photos}", "--out", f"{bucket}/sheet.png")
    assert f"Contact sheet: {bucket}/sheet.png" in output
    assert (place(bucket) / "sheet.png").read().startswith(b"\x89PNG")
    assert f"{photos}: " in command("data", "clear")
    assert "Freed 0.0 MiB" in command("data", "clear")
