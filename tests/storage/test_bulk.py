"""Images are drawn, encoded and filled up in object storage as on this machine, whatever the server does."""

from contextlib import suppress
from pathlib import Path

import pytest

from condvae.cli.main import main
from condvae.errors import StorageError
from condvae.inference import bulk
from condvae.inference.bulk import encode_files, generate_files
from condvae.inference.shards import Workers
from condvae.run import Run
from condvae.storage import cloud, connection
from condvae.storage.place import Place
from condvae.storage.places import place
from tests.conftest import Cli
from tests.storage import servers


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand MNIST images a shard."""
    monkeypatch.setattr(bulk, "SHARD_BYTES", 28 * 28 * 1000)


def contents(folder: Place, below: str = "") -> dict[str, bytes]:
    """All files of a folder."""
    folders, files = (folder / below).entries() if below else folder.entries()
    found = {f"{below}{name}": (folder / f"{below}{name}").read() for name in files}
    return {**found, **{name: one for inner in folders for name, one in contents(folder, f"{below}{inner}/").items()}}


@pytest.mark.parametrize("name", ["drawn.npz", "drawn.tar", "drawn.parquet", "drawn"])
def test_the_same_bytes_as_on_this_machine(name: str, run: Run, bucket: str, tmp_path: Path, command: Cli) -> None:
    arguments = ["generate", run.path, "--label", 3, 4, "--count", 30 if name == "drawn" else 1100, "--seed", 2]
    for out in (tmp_path / name, f"{bucket}/{name}"):
        command(*arguments, "--out", out)
        command("encode", run.path, out, "--out", place(out).beside("codes.npz"))
    here, there = contents(place(tmp_path)), contents(place(bucket))
    records = {one for one in here if one.endswith("codes.json")}  # which name the source
    assert here.keys() == there.keys()
    assert all(here[one] == there[one] for one in here.keys() - records)


def test_interrupted_it_goes_on_and_finished_shards_stay(
    run: Run, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = f"{bucket}/drawn.npz"
    create, created = cloud.CloudPlace.create_all, []

    def interrupted(at: cloud.CloudPlace, files: dict[str, bytes]) -> None:
        created.extend(files)
        if len(created) == 3:
            raise KeyboardInterrupt
        create(at, files)

    with monkeypatch.context() as patch:
        patch.setattr(cloud.CloudPlace, "create_all", interrupted)
        with pytest.raises(KeyboardInterrupt):
            generate_files(run, out, ["3"], count=4500)
    before = cloud.CloudPlace.at(bucket).stamps()
    assert sorted(before) == ["drawn-00000.npz", "drawn-00001.npz", "drawn.json"]
    assert generate_files(run, out, ["3"], count=4500) == 4500
    after = cloud.CloudPlace.at(bucket).stamps()
    assert len(after) == 6
    assert {name: after[name] for name in before} == before
    with pytest.raises(StorageError, match="were made with seed = 0, not 1"):
        generate_files(run, out, ["3"], count=4500, seed=1)


def test_another_command_on_the_same_output_is_refused(run: Run, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = f"{bucket}/drawn.npz"
    make = bulk._drawn

    def second(*arguments: object) -> object:
        with pytest.raises(StorageError, match="Another command is writing the files that"):
            generate_files(run, out, ["3"], count=5)
        return make(*arguments)

    monkeypatch.setattr(bulk, "_drawn", second)
    assert generate_files(run, out, ["3"], count=5) == 5


@pytest.mark.parametrize("seed", range(3))
def test_a_server_that_fails_in_a_tenth_of_requests(
    seed: int, run: Run, server: str, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers 500 or 503, resets the connection before or after it did what was asked, or is silent."""
    generate_files(run, tmp_path / "drawn", ["3", "4"], count=60)
    encode_files(run, tmp_path / "drawn", tmp_path / "codes.npz")
    monkeypatch.setitem(connection.OPTIONS, "client_options", {"allow_http": True, "timeout": "2s"})
    with servers.faulty(server, 0.1, seed) as between:
        monkeypatch.setenv("AWS_ENDPOINT", between.address)
        connection.store.cache_clear()
        generate_files(run, f"{bucket}/drawn", ["3", "4"], count=60)
        encode_files(run, f"{bucket}/drawn", f"{bucket}/codes.npz")
        assert sum(between.counts.values()) > 10, between.counts
    monkeypatch.setenv("AWS_ENDPOINT", server)
    connection.store.cache_clear()
    there = contents(place(bucket))
    for name, content in contents(place(tmp_path)).items():
        assert name == "codes.json" or there[name] == content, name


def test_what_cannot_be_written_is_said(run: Run, bucket: str, command: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    generate = ["generate", run.path, "--label", 3, "--out"]
    assert "There is no s3://nowhere. Check the address" in command.fails(*generate, "s3://nowhere/x.npz")
    assert "begins with s3://, gs://, az://" in command.fails(*generate, "ftp://server/x.npz")
    place(f"{bucket}/full/x.txt").create(b"x")
    assert "exists and is not empty" in command.fails(*generate, f"{bucket}/full")
    assert "There is no folder" in command.fails("encode", run.path, f"{bucket}/none", "--out", f"{bucket}/codes.npz")
    monkeypatch.setattr("condvae.errors.EXTRAS", {"cloud": ("nothing_of_this_name",)})
    assert "pip install 'condvae[cloud]'" in command.fails(*generate, f"{bucket}/x.npz")


def test_the_same_name_in_two_folders_is_two_outputs(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()
    monkeypatch.chdir(first)
    with Workers().alone_at(place("drawn.json")):
        with (
            pytest.raises(StorageError, match="Another command is writing"),
            Workers().alone_at(place(second / ".." / "a" / "drawn.json")),
        ):
            pass
        monkeypatch.chdir(second)
        assert generate_files(run, "drawn.npz", ["3"], count=2) == 2


def test_what_could_not_be_drawn_leaves_nothing_behind(run: Run, tmp_path: Path, command: Cli) -> None:
    out = ["--out", tmp_path / "drawn.npz"]
    assert "is not available on this machine" in command.fails(
        "generate", run.path, "--label", 3, "--device", "cuda", *out
    )
    assert not list(tmp_path.iterdir())
    command("generate", run.path, "--label", 3, "--count", 2, *out)


@pytest.mark.parametrize("content", ["[]", '"text"', "[1, 2]", "3"])
def test_another_json_file_beside_the_output(content: str, run: Run, tmp_path: Path, command: Cli) -> None:
    (tmp_path / "drawn.json").write_text(content)
    message = command.fails("generate", run.path, "--label", 3, "--out", tmp_path / "drawn.npz")
    assert "drawn.json" in message
    assert (tmp_path / "drawn.json").read_text() == content


@pytest.mark.parametrize("command_line", [["train", "--recipe", "paper"], ["reproduce"], ["data", "check", "digits"]])
def test_commands_that_write_to_this_machine_only(
    command_line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with suppress(SystemExit):
        assert main([*command_line, "--out", "s3://bucket/run"]) == 1
    assert "path of this machine, got s3://bucket/run" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
