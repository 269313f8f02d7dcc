"""Images drawn and encoded on a cluster whose worker, node and driver are killed: the bytes of one machine."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condvae.cluster import bulk as home
from condvae.cluster.bulk import on_cluster
from condvae.cluster.connection import DEBUGGER
from condvae.errors import ClusterError, StorageError
from condvae.images import png
from condvae.inference.bulk import generate_files
from condvae.inference.shards import Workers
from condvae.storage.places import place
from tests.cluster.nodes import PATIENCE, processes, two_nodes, wait_for
from tests.storage import servers
from tests.training.runs import in_process, start

pytestmark = pytest.mark.slow
SHARD = 10_000
PICTURE = png(np.zeros((1, 28, 28), np.uint8))
TITLE = "ray::_make"  # of the processes that draw


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which a server of object storage keeps the bucket s3://bucket."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "bucket").mkdir()
    with servers.rclone(folder) as address, pytest.MonkeyPatch.context() as patch:
        for name, value in servers.environment(address).items():
            patch.setenv(name, value)
        yield folder / "bucket"


@pytest.fixture(scope="module")
def cluster(storage: Path) -> Iterator[Any]:
    """Two nodes, which have the credentials of the storage."""
    with two_nodes() as found:
        yield found


def digests(folder: Path, pattern: str) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob(pattern))}


def finish(*command: object) -> str:
    done = subprocess.run(in_process(*command), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_killed_worker_node_and_driver_and_every_shard_is_there_once(storage: Path, tmp_path: Path) -> None:
    """Each is killed once. Ray gives a lost shard to others, and the same command goes on after the driver's end.

    CONDVAE_SHARDS is the number of shards of 10,000 images.
    """
    shards = int(os.environ.get("CONDVAE_SHARDS", "14"))
    arguments = ["generate", "pretrained", "--label", "3", "--count", shards * SHARD, "--seed", "1", "--out"]
    with two_nodes() as cluster:
        address = ["--address", cluster.address]

        def written() -> list[Path]:
            return list(storage.glob("drawn-*.npz"))

        driver = start(*arguments, "s3://bucket/drawn.npz", *address)
        wait_for(lambda: len(written()) >= 2 and bool(processes(TITLE)), driver)
        os.kill(processes(TITLE)[0], signal.SIGKILL)
        wait_for(lambda: len(written()) >= 4, driver)
        cluster.remove_node(cluster.second, allow_graceful=False)
        wait_for(lambda: len(written()) >= 6, driver)
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
        before = {path: path.stat().st_mtime_ns for path in written()}
        assert 6 <= len(before) < shards
        assert f"Drew {shards * SHARD:,} images" in finish(*arguments, "s3://bucket/drawn.npz", *address)
        assert {path: path.stat().st_mtime_ns for path in before} == before, "finished shards are not drawn again"
        codes = finish("encode", "pretrained", "s3://bucket/drawn.npz", "--out", "s3://bucket/codes.parquet", *address)
        assert f"Encoded {shards * SHARD:,} images" in codes
    finish(*arguments, tmp_path / "drawn.npz")
    finish("encode", "pretrained", tmp_path / "drawn.npz", "--out", tmp_path / "codes.parquet")
    for pattern in ("drawn-*.npz", "codes-*.parquet"):
        assert len(digests(tmp_path, pattern)) == shards
        assert digests(storage, pattern) == digests(tmp_path, pattern), "the same bytes as one machine"


@pytest.mark.parametrize(
    ("ahead", "status", "message"),
    [("+10m", 0, "Drew 30,000 images"), ("+2h", 1, "(RequestTimeTooSkewed). Check the credentials in the environment")],
)
def test_a_node_whose_clock_is_ahead(ahead: str, status: int, message: str, storage: Path, tmp_path: Path) -> None:
    """condvae compares no clocks. S3 refuses a request whose time differs by more than a quarter of an hour."""
    (clock,) = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")  # of Debian's libfaketime
    arguments = "generate", "pretrained", "--label", "3", "--count", "30000", "--out"
    out = f"s3://bucket/clock{status}/drawn.npz"
    with two_nodes(LD_PRELOAD=str(clock), FAKETIME=ahead, FAKETIME_DONT_FAKE_MONOTONIC="1") as cluster:
        done = subprocess.run(
            in_process(*arguments, out, "--address", cluster.address), capture_output=True, text=True, timeout=PATIENCE
        )
    assert (done.returncode, message in done.stdout + done.stderr) == (status, True), done.stderr
    finish(*arguments, tmp_path / "drawn.npz")
    there = digests(storage / f"clock{status}", "drawn-*.npz")
    assert there.items() <= digests(tmp_path, "drawn-*.npz").items()
    assert len(there) == 3 or status


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a disk of memory")
def test_a_full_disk(cluster: Any, tmp_path: Path) -> None:
    """The files that were written stay, and the same command goes on once there is room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    arguments = "generate", "pretrained", "--label", "3", "--count", "30000", "--out"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=15m", "tmpfs", disk], check=True)
    try:
        command = in_process(*arguments, disk / "drawn.npz", "--address", cluster.address)
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 1
        assert "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
        before = digests(disk, "drawn-*.npz")
        assert 1 <= len(before) < 3
        assert not list(disk.glob(".*.part"))
        subprocess.run(["mount", "-o", "remount,size=100m", disk], check=True)
        finish(*arguments, disk / "drawn.npz", "--address", cluster.address)
        after = digests(disk, "drawn-*.npz")
    finally:
        subprocess.run(["umount", disk], check=True)
    assert before.items() <= after.items()
    finish(*arguments, tmp_path / "drawn.npz")
    assert after == digests(tmp_path, "drawn-*.npz")


def test_folders_of_pictures(cluster: Any, storage: Path, tmp_path: Path) -> None:
    arguments = ["generate", "pretrained", "--label", "3", "4", "--count", "40", "--out"]
    finish(*arguments, "s3://bucket/drawn", "--address", cluster.address)
    finish(*arguments, tmp_path / "drawn")
    assert digests(storage / "drawn", "*/*.png") == digests(tmp_path / "drawn", "*/*.png")


def test_a_second_driver_is_refused(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine by a file, and on another one, which has not this file, by the cluster."""
    record = place(tmp_path / "drawn.json")
    monkeypatch.setattr(Workers, "alone_at", lambda *_: nullcontext())
    again = pytest.raises(StorageError, match="Another command is writing the files that")
    with on_cluster(cluster.address) as first, first.alone_at(record), again, first.alone_at(record):
        pass
    with on_cluster(cluster.address) as second, second.alone_at(record):
        pass


@pytest.mark.parametrize("own", ["", "0"])
def test_the_debugger_of_ray_does_not_stay(cluster: Any, own: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEBUGGER, own)
    if not own:
        monkeypatch.delenv(DEBUGGER)
    with on_cluster(cluster.address):
        assert "ray" in os.environ[DEBUGGER]
    assert os.environ.get(DEBUGGER, "") == own


def test_what_goes_wrong_in_a_worker_is_said_by_the_driver(cluster: Any, tmp_path: Path) -> None:
    finish("generate", "pretrained", "--label", "3", "--count", "30000", "--out", tmp_path / "drawn.npz")
    (tmp_path / "drawn-00000.npz").write_bytes((tmp_path / "drawn-00000.npz").read_bytes()[:-1000])
    out, address = tmp_path / "codes" / "codes.npz", ["--address", cluster.address]
    arguments = "encode", "pretrained", tmp_path / "drawn.npz", "--out", out, *address
    done = subprocess.run(in_process(*arguments), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert "drawn-00000.npz cannot be read as an archive of images" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_image_that_cannot_be_encoded_leaves_nothing_behind(cluster: Any, tmp_path: Path) -> None:
    """Shards that are begun when another one fails are not written, so that the corrected command can be used."""
    for number in range(12_000):
        (tmp_path / "drawn" / "3").mkdir(parents=True, exist_ok=True)
        (tmp_path / "drawn" / "3" / f"{number:05d}.png").write_bytes(b"no image" if number == 0 else PICTURE)
    out = tmp_path / "codes" / "codes.npz"
    arguments = "encode", "pretrained", tmp_path / "drawn", "--out", out, "--address", cluster.address
    done = subprocess.run(in_process(*arguments), capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert "00000.png cannot be read as an image" in done.stderr
    (tmp_path / "drawn" / "3" / "00000.png").write_bytes(PICTURE)
    assert "Encoded 12,000 images" in finish(*arguments)


def test_a_cluster_without_the_device(cluster: Any, tmp_path: Path) -> None:
    arguments = "generate", "pretrained", "--label", "3", "--out", tmp_path / "x.npz", "--device", "cuda"
    done = subprocess.run(
        in_process(*arguments, "--address", cluster.address), capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 1
    assert "A shard needs 1 cores and 1 graphics cards, and the largest machine has 1 and 0." in done.stderr


def test_a_shard_whose_process_always_ends(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "LOSSES", 1)
    with on_cluster(cluster.address) as workers:
        again = r"was lost 2 times: .*Run the same command again to continue\."
        with pytest.raises(ClusterError, match=again):
            list(workers.each(_end, [0]))


def test_a_place_that_only_other_machines_reach(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with on_cluster(cluster.address) as workers:
        monkeypatch.setattr(workers, "each", lambda work, starts: iter(starts))
        with pytest.raises(StorageError, match=r"although all was written\. All machines must reach this place"):
            generate_files("pretrained", tmp_path / "drawn.npz", ["3"], count=2, workers=workers)


def _end(start: int) -> None:
    os._exit(1)
