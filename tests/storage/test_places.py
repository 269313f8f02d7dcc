"""A place does the same on this machine and in object storage."""

import io
import pickle
from pathlib import Path

import numpy as np
import obstore
import pytest

from condvae.errors import InputError, StorageError
from condvae.storage import cloud, connection
from condvae.storage.cloud import CloudPlace
from condvae.storage.local import LocalPlace
from condvae.storage.place import Entries, Place
from condvae.storage.places import place
from tests.storage import servers

NAMES = ("a b.txt", "한글.txt", "50%#?.txt")


@pytest.fixture(params=["here", "there"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "here":
        return place(tmp_path / "new")
    return place(f"{request.getfixturevalue('bucket')}/new")


@pytest.mark.parametrize("name", NAMES)
def test_files_of_any_name_are_written_once_and_read(name: str, folder: Place) -> None:
    file = folder / name
    assert not file.is_file()
    assert not folder.is_folder()
    folder.require_empty()
    file.create(b"first")
    file.create(b"second")
    assert file.read() == b"first"
    file.write(b"third")
    assert file.read() == b"third"
    assert folder.entries() == Entries([], [name])
    assert (file.name, file.parent, file.suffix) == (name, folder, ".txt")
    with pytest.raises(StorageError, match="exists and is not empty"):
        folder.require_empty()
    file.remove()
    file.remove()
    assert not file.is_file()


def test_many_files_and_the_last_one_last(folder: Place) -> None:
    folder.create_all({f"x/{number}.txt": bytes([number]) for number in range(50)})
    assert folder.entries() == Entries(["x"], [])
    assert len((folder / "x").entries().files) == 50
    assert folder.present(["x/1.txt", "x/50.txt"]) == {"x/1.txt"}
    assert (folder / "x/7.txt").read() == b"\7"


def test_what_is_not_there_is_an_error_of_the_system(folder: Place) -> None:
    with pytest.raises(FileNotFoundError):
        (folder / "nothing").read()
    with pytest.raises(FileNotFoundError):
        (folder / "nothing").open()


def test_a_part_of_a_large_file_is_read(folder: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CloudPlace, "read", None)  # which would read all of it
    content = io.BytesIO()
    np.savez(content, images=np.zeros((3000, 28, 28), np.uint8), labels=np.arange(3000))
    (folder / "some.npz").create(content.getvalue())
    with (folder / "some.npz").open() as file, np.load(file) as found:
        assert found["labels"][-1] == 2999


def test_a_place_travels_to_another_process(folder: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (folder / "a.txt").create(b"a")
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps(LocalPlace(Path("new")) if isinstance(folder, LocalPlace) else folder)
    monkeypatch.chdir("/")
    assert (pickle.loads(content) / "a.txt").read() == b"a"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("s3:///name", "names no bucket. Write s3://BUCKET/NAME."),
        ("ftp://server/x", "begins with s3://, gs://, az://."),
    ],
)
def test_addresses_that_cannot_be(address: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        place(address)
    assert message in str(caught.value)


@pytest.mark.parametrize(("address", "kind"), [("gs://photos/cats", "GCSStore"), ("az://photos/cats", "AzureStore")])
def test_other_providers_have_the_same_addresses(address: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    found = place(address) / "1.png"
    assert str(found) == f"{address}/1.png"
    assert isinstance(found, CloudPlace)
    assert type(connection.store(found.bucket)).__name__ == kind


@pytest.mark.parametrize(
    ("address", "said"),
    [("az://bucket/x", "Account must be specified"), ("gs://bucket/x", "Unable to open service account file")],
)
def test_settings_of_the_environment_that_cannot_be(
    address: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT", str(tmp_path / "nothing.json"))
    connection.store.cache_clear()
    with pytest.raises(StorageError, match=f"{said}.*Correct the variables of its provider"):
        place(address).read()


def test_no_such_bucket(bucket: str) -> None:
    for act in (lambda at: at.create(b"1"), lambda at: at.write(b"1"), lambda at: at.entries()):
        with pytest.raises(StorageError, match=r"There is no s3://nowhere\. Check the address"):
            act(place("s3://nowhere/x"))


def test_wrong_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bucket").mkdir()
    with servers.rclone(tmp_path) as address:
        for name, value in {**servers.environment(address), "AWS_SECRET_ACCESS_KEY": "wrongkey"}.items():
            monkeypatch.setenv(name, value)
        connection.store.cache_clear()
        at = place("s3://bucket/x")
        for act in (lambda: at.create(b"1"), lambda: at.is_file(), lambda: at.entries(), lambda: at.read()):
            with pytest.raises(StorageError, match=r"refuses access to s3://bucket/x.*Check the credentials"):
                act()


def test_a_server_is_asked_once_whether_it_gives_parts(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    questions, get_range = [], obstore.get_range
    monkeypatch.setattr("obstore.get_range", lambda *of, **part: questions.append(of) or get_range(*of, **part))
    for name in ("a", "b"):
        place(f"{bucket}/{name}").write(bytes(2 * cloud.READ_AHEAD))
        place(f"{bucket}/{name}").open().close()
    assert len(questions) == 1


def test_a_server_that_gives_no_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bucket").mkdir()
    with servers.rclone(tmp_path) as address:
        for name, value in servers.environment(address).items():
            monkeypatch.setenv(name, value)
        connection.store.cache_clear()
        content = bytes(2 * cloud.READ_AHEAD)
        place("s3://bucket/x").write(content)
        with place("s3://bucket/x").open() as file:
            assert file.read() == content


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in servers.environment(f"http://{servers.HOST}:{servers.free_port()}").items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(connection.OPTIONS, "retry_config", {"max_retries": 2})
    connection.store.cache_clear()
    with pytest.raises(StorageError, match=r"s3://bucket/x cannot be reached: .*Run the command again later\."):
        place("s3://bucket/x").create(b"1")


@pytest.mark.parametrize("address", ["s3://bucket/a//x", "s3://bucket/../x", "s3://my bucket/x"])
def test_names_that_no_object_has(address: str) -> None:
    with pytest.raises(InputError, match="cannot be the address of an object"):
        place(address)


def test_a_server_without_its_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT", "localhost:9000")
    connection.store.cache_clear()
    with pytest.raises(InputError, match="AWS_ENDPOINT must begin with http:// or https://, got localhost:9000"):
        place("s3://bucket/x").is_file()


def test_empty_objects_that_mark_folders(bucket: str) -> None:
    """The console of Amazon S3 makes them. obstore cannot write a name with a slash at its end."""
    for name in ("photos/", "photos/cat/"):
        servers.put(f"{bucket}/{name}")
    (place(bucket) / "photos/cat/1.png").create(b"1")
    folder = place(f"{bucket}/photos")
    assert isinstance(folder, CloudPlace)
    assert list(folder.stamps()) == ["cat/1.png"]
    assert folder.entries() == Entries(["cat"], [])
    servers.put(f"{bucket}/empty/")
    place(f"{bucket}/empty").require_empty()
