"""Pictures are packed once, whatever interrupts it, and read from the disk as from memory."""

import errno
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from condvae.config import DataConfig
from condvae.data.listing import Files
from condvae.data.packing import decoders, decoding, making
from condvae.data.packing.decoding import Found
from condvae.data.packing.packed import Pack, PackedImages, clear, pack, packed_size, packs
from condvae.data.packing.planning import cropped, planned, size_for
from condvae.data.pictures import as_array, opened
from condvae.errors import DataError, StorageError


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own for each test."""
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process decodes the pictures itself."""
    monkeypatch.setattr(making, "cpus", lambda: 1)


def pixels(width: int, height: int, channels: int, seed: int) -> np.ndarray:
    shape = (height, width, 3) if channels == 3 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def folder_of(folder: Path, *groups: tuple[int, int, int, int], kind: str = "png") -> Files:
    """Made pictures in files. Each group is a number of pictures, with their width, height and channels."""
    folder.mkdir(exist_ok=True)
    names = []
    for count, width, height, channels in groups:
        for _ in range(count):
            names.append(f"{len(names):05}.{kind}")
            Image.fromarray(pixels(width, height, channels, len(names))).save(folder / names[-1])
    return Files(folder, names)


def expected(files: Files, made: Pack, resize: str = "crop") -> np.ndarray:
    size = made.image_size
    found = []
    for name in files.paths:
        with Image.open(files.folder / name) as picture:
            found.append(as_array(picture, made.channels, size, resize))
    return np.stack(found)


def images_of(made: Pack) -> np.ndarray:
    return made.images[:]


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_pack_has_every_picture(processes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `as_array` makes it, and with any number of processes."""
    monkeypatch.setattr(making, "cpus", lambda: processes)
    files = folder_of(tmp_path / "a", (60, 40, 30, 3), (60, 30, 40, 1))
    made = pack(files, DataConfig(source="folder:a"))
    assert made.images.shape == (120, 3, 64, 64)
    assert (made.channels, made.image_size, made.skipped) == (3, (64, 64), ())
    assert made.kept.tolist() == list(range(120))
    assert made.kept.dtype == np.int64
    assert np.array_equal(images_of(made), expected(files, made))
    assert sorted(path.name for path in made.folder.iterdir()) == ["description.json", "images-3x64x64.uint8", "lock"]


@pytest.mark.parametrize("resize", ["crop", "pad", "stretch"])
@pytest.mark.parametrize(("color_mode", "channels"), [("grayscale", 1), ("rgb", 3)])
@pytest.mark.usefixtures("here")
def test_settings_decide(resize: str, color_mode: str, channels: int, tmp_path: Path) -> None:
    files = folder_of(tmp_path / "a", (3, 140, 120, 3), (3, 30, 40, 1), kind="jpg")
    made = pack(files, DataConfig(image_size=(16, 24), color_mode=color_mode, resize=resize))
    assert made.images.shape == (6, channels, 16, 24)
    assert np.array_equal(images_of(made), expected(files, made, resize))


def test_pictures_are_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few are looked at before. A pack that is there is used again, until a picture or a setting changes."""
    monkeypatch.setattr(making, "cpus", lambda: 1)
    files = folder_of(tmp_path / "a", (50, 28, 28, 1))
    times: Counter[int] = Counter()
    decode, open_file = decoders.decode, Files.open
    monkeypatch.setattr(Files, "open", lambda own, index: times.update([index]) or open_file(own, index))
    first = pack(files, DataConfig())
    assert first.images.shape == (50, 1, 28, 28)
    assert times.total() == 50 + 16
    monkeypatch.setattr(decoders, "decode", None)
    again = pack(files, DataConfig(skip_damaged=True, test_split=0.5, seed=3))
    assert again.folder == first.folder
    assert np.array_equal(images_of(again), images_of(first))
    monkeypatch.setattr(decoders, "decode", decode)
    others = {first.folder}
    for changed in ({"image_size": (28, 30)}, {"color_mode": "rgb"}, {"resize": "pad"}):
        others.add(pack(files, DataConfig(**changed)).folder)
    Image.new("L", (28, 28)).save(files.folder / files.paths[7])
    newer = pack(files, DataConfig())
    assert (newer.images[7:8] == 0).all()
    others.add(newer.folder)
    assert len(others) == 5


@dataclass(frozen=True)
class Case:
    """Pictures, and what is decided from them. A group is a number of pictures, with width, height and channels."""

    groups: tuple[tuple[int, int, int, int], ...]
    shape: tuple[int, int, int]


CASES = {
    "alike and grey": Case(((70, 28, 28, 1),), (1, 28, 28)),
    "alike and colour": Case(((70, 30, 20, 3),), (3, 20, 30)),
    "as large as is kept": Case(((40, 64, 9, 1),), (1, 9, 64)),
    "alike and large": Case(((40, 96, 64, 1),), (1, 44, 64)),
    "one larger": Case(((37, 28, 28, 1), (1, 29, 29, 1), (40, 28, 28, 1)), (1, 64, 64)),
    "one in colour": Case(((37, 28, 28, 1), (1, 28, 28, 3), (40, 28, 28, 1)), (3, 28, 28)),
    "one larger and in colour": Case(((37, 28, 28, 1), (1, 80, 40, 3), (40, 28, 28, 1)), (3, 64, 64)),
    "90% wide": Case(((90, 40, 30, 1), (10, 30, 40, 1)), (1, 48, 64)),
    "89% wide": Case(((89, 40, 30, 1), (11, 30, 40, 1)), (1, 64, 64)),
    "half of them tall": Case(((40, 20, 80, 1), (40, 80, 20, 1)), (1, 64, 64)),
    "nearly alike": Case(((20, 100, 76, 3), (20, 100, 75, 3), (20, 100, 70, 3)), (3, 48, 64)),
    "very narrow": Case(((33, 5, 400, 1),), (1, 400, 5)),
    "narrow and large": Case(((33, 20, 1000, 1),), (1, 400, 8)),
    "one picture": Case(((1, 70, 70, 3),), (3, 64, 64)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("processes", [1, 2])
def test_size_and_mode_follow_from_all_pictures(
    name: str, processes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the first look at a few of them is wrong."""
    monkeypatch.setattr(making, "cpus", lambda: processes)
    files = folder_of(tmp_path / "a", *CASES[name].groups)
    made = pack(files, DataConfig())
    assert made.images.shape[1:] == CASES[name].shape
    assert np.array_equal(images_of(made), expected(files, made))
    whole = Found(Counter({(height, width): 0 for _, width, height, _ in CASES[name].groups}))
    for count, width, height, channels in CASES[name].groups:
        whole.sizes[(height, width)] += count
        whole.coloured |= channels == 3
    assert planned(whole, DataConfig())[:3] == CASES[name].shape


def test_orders_and_processes_do_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has the same bytes, though spans of other lengths are done in another order."""
    files = folder_of(tmp_path / "a", (150, 40, 30, 1), (150, 35, 30, 3))
    contents = set()
    for processes, most in ((1, 512), (2, 16), (3, 40)):
        monkeypatch.setattr(making, "cpus", lambda processes=processes: processes)
        monkeypatch.setattr(making, "MOST_AT_ONCE", most)
        contents.add(pack(files, DataConfig()).images.path.read_bytes())
        assert clear() > 0
    assert len(contents) == 1


@pytest.mark.usefixtures("here")
def test_a_process_keeps_few_images_before_it_writes_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spans: list[decoding.Span] = []
    decode = decoding.decode
    monkeypatch.setattr(making, "BYTES_AT_ONCE", 300)
    monkeypatch.setattr(decoders, "decode", lambda *given: spans.append(given[-1]) or decode(*given))
    pack(folder_of(tmp_path / "a", (20, 9, 9, 1)), DataConfig())
    assert [stop - start for start, stop in spans] == [3] * 6 + [2]


def test_sizes_are_decided_by_whole_numbers_of_pictures() -> None:
    assert size_for(Found(Counter({(32, 32): 5}))) == (32, 32)
    assert size_for(Found(Counter({(64, 65): 5}))) == (64, 64)
    assert size_for(Found(Counter({(480, 640): 9, (640, 480): 1}))) == (48, 64)
    assert size_for(Found(Counter({(480, 640): 8, (640, 480): 1}))) == (64, 64)
    assert size_for(Found(Counter({(1080, 1920): 1}))) == (36, 64)
    assert size_for(Found()) == (64, 64)


def test_long_pictures_keep_their_aspect_ratio() -> None:
    assert size_for(Found(Counter({(5, 400): 3}))) == (5, 400), "it has no more pixels than 64 x 64"
    assert size_for(Found(Counter({(30, 1500): 3}))) == (8, 400)
    assert size_for(Found(Counter({(1500, 30): 3}))) == (400, 8)
    assert size_for(Found(Counter({(10, 4000): 3}))) == (8, 512)


def test_pictures_that_lose_more_than_half_are_counted() -> None:
    sizes = Counter({(40, 40): 5, (40, 79): 2, (40, 81): 3, (90, 40): 1})
    found = Found(sizes)
    assert cropped(found, planned(found, DataConfig())) == {(40, 81): 3, (90, 40): 1}
    assert not cropped(found, planned(found, DataConfig(resize="pad")))
    assert cropped(found, planned(found, DataConfig(image_size=(64, 130)))) == {(40, 40): 5, (90, 40): 1}


def damage(files: Files) -> dict[int, str]:
    """Damage some pictures, and return the reason for each."""
    for index, content in ((3, b""), (11, b"text"), (12, (files.folder / files.paths[12]).read_bytes()[:200])):
        (files.folder / files.paths[index]).write_bytes(content)
    return {11: "not a picture, or in a format that Pillow does not read", 12: "the file is truncated"}


@pytest.mark.parametrize("processes", [1, 2])
def test_damaged_pictures_are_listed_or_left_out(
    processes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "cpus", lambda: processes)
    files = folder_of(tmp_path / "a", (80, 28, 28, 1))
    reasons = damage(files)
    with pytest.raises(DataError) as caught:
        pack(files, DataConfig())
    first, *lines, last = str(caught.value).splitlines()
    assert first == "3 of 80 pictures cannot be decoded:"
    assert lines[1:] == [f"  {files.paths[index]}: {reason}" for index, reason in reasons.items()]
    assert last == "Repair or remove them, or leave them out with --data.skip_damaged true."
    monkeypatch.setattr(decoders, "decode", None)  # they are not decoded again
    made = pack(files, DataConfig(skip_damaged=True))
    assert made.kept.tolist() == [index for index in range(80) if index not in (3, 11, 12)]
    assert [name for name, _ in made.skipped] == [files.paths[index] for index in (3, 11, 12)]
    assert dict(made.skipped).items() >= {(files.paths[index], reason) for index, reason in reasons.items()}
    kept = Files(files.folder, [files.paths[index] for index in made.kept])
    assert np.array_equal(images_of(made), expected(kept, made))


def test_more_than_ten_damaged_pictures_and_nothing_else(tmp_path: Path) -> None:
    files = folder_of(tmp_path / "a", (14, 8, 8, 1))
    for name in files.paths[1:]:
        (files.folder / name).write_bytes(b"text")
    with pytest.raises(
        DataError, match=r"13 of 14 pictures cannot be decoded:(\n  .*: not a picture.*){10}\n  and 3 mo"
    ):
        pack(files, DataConfig())
    (files.folder / files.paths[0]).write_bytes(b"text")
    with pytest.raises(DataError, match=r"^None of the 14 pictures can be decoded:(\n .*){11}\nCheck the source\.$"):
        pack(files, DataConfig(skip_damaged=True))
    with pytest.raises(DataError, match="There are no pictures; at least one is needed"):
        pack(Files(tmp_path, []), DataConfig())


@pytest.mark.usefixtures("here")
def test_what_a_damaged_picture_was_like_does_not_count(tmp_path: Path) -> None:
    """Its header says that it is large and in colour. All others are small and grey."""
    files = folder_of(tmp_path / "a", (20, 28, 28, 1), (1, 300, 200, 3), (20, 28, 28, 1))
    path = files.folder / files.paths[20]
    path.write_bytes(path.read_bytes()[:5000])
    assert pack(files, DataConfig(skip_damaged=True)).images.shape == (40, 1, 28, 28)


def test_a_link_is_opened(tmp_path: Path) -> None:
    files = folder_of(tmp_path / "a", (2, 9, 9, 1))
    (files.folder / "link.png").symlink_to(files.folder / files.paths[1])
    images = images_of(pack(Files(files.folder, [*files.paths, "link.png"]), DataConfig()))
    assert np.array_equal(images[1], images[2])


def test_a_picture_that_goes_away_while_the_source_is_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.png cannot be read \(No such file or directory\), though the source"):
        pack(Files(tmp_path, ["none.png"]), DataConfig())


def test_names_of_any_kind(tmp_path: Path) -> None:
    folder_of(tmp_path / "a", (5, 9, 9, 1))
    names = ["with space.png", "고양이.png", "🐈.png", "-dash.png", os.fsdecode(b"\xff.png")]
    for number, name in enumerate(names):
        (tmp_path / "a" / f"{number:05}.png").rename(tmp_path / "a" / name)
    (tmp_path / "a" / names[-1]).write_bytes(b"text")
    made = pack(Files(tmp_path / "a", names), DataConfig(skip_damaged=True))
    assert len(made.images) == 4
    assert made.skipped[0][0] == names[-1]


def positions_in(images: PackedImages, whole: np.ndarray) -> None:
    """Reading by positions and slices is as reading from an array."""
    generator = np.random.default_rng(0)
    for chosen in (
        slice(None),
        slice(3, 9),
        slice(-4, None),
        slice(None, None, -3),
        slice(5, 5),
        generator.integers(0, len(whole), 30),
        np.array([-1, 0, -len(whole)]),
        np.array([], np.int64),
    ):
        found = images[chosen]
        assert type(found) is np.ndarray
        assert found.flags.writeable
        assert np.array_equal(found, whole[chosen])
        assert np.array_equal(images.select(chosen)[:], whole[chosen])
        assert images.select(chosen).shape == whole[chosen].shape
    with pytest.raises(IndexError):
        images[np.array([len(whole)])]


def test_images_are_read_as_from_an_array(tmp_path: Path) -> None:
    whole = np.random.default_rng(0).integers(0, 256, (40, 3, 5, 4), dtype=np.uint8)
    (tmp_path / "rows").write_bytes(whole.tobytes())
    images = PackedImages(tmp_path / "rows", (40, 3, 5, 4))
    assert images.dtype == np.uint8
    positions_in(images, whole)
    twice = images.select(np.arange(39, 2, -1)).select(slice(2, 30))
    assert len(twice) == 28
    positions_in(twice, whole[39:2:-1][2:30])
    positions_in(images.select(slice(3)).joined(images), np.concatenate([whole[:3], whole]))
    content = pickle.dumps(twice)
    assert len(content) < 2000, "the pixels are not in it"
    positions_in(pickle.loads(content), whole[39:2:-1][2:30])
    images[:][:] = 0
    assert np.array_equal(images[:], whole), "what is read is a copy"


def test_images_that_are_gone(tmp_path: Path) -> None:
    images = pack(folder_of(tmp_path / "a", (3, 9, 9, 1)), DataConfig()).images
    pickled = pickle.dumps(images)
    assert images[:].shape == (3, 1, 9, 9)
    os.truncate(images.path, 100)
    with pytest.raises(
        DataError, match=r"images-1x9x9\.uint8 are not there any more, or are damaged .* packs them anew"
    ):
        pickle.loads(pickled)[:]
    clear()
    with pytest.raises(DataError, match="No such file"):
        pickle.loads(pickled)[:]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("what", ["truncated", "longer", "no images", "no description", "text", "another format"])
def test_a_damaged_pack_is_made_anew(what: str, tmp_path: Path) -> None:
    files = folder_of(tmp_path / "a", (20, 9, 9, 1))
    made = pack(files, DataConfig())
    whole, description = images_of(made), made.folder / "description.json"
    if what in ("truncated", "longer"):
        os.truncate(made.images.path, 100 if what == "truncated" else 10_000)
    elif what == "no images":
        made.images.path.unlink()
    elif what == "no description":
        description.unlink()
    elif what == "text":
        description.write_text("{")
    else:
        description.write_text(json.dumps({**json.loads(description.read_text()), "format": 0}))
    again = pack(files, DataConfig())
    assert again.folder == made.folder
    assert np.array_equal(images_of(again), whole)


def test_packs_are_measured_and_cleared(tmp_path: Path, cache: Path) -> None:
    assert packed_size() == []
    assert clear() == 0
    files = folder_of(tmp_path / "a", (40, 28, 28, 1))
    pack(files, DataConfig(source="folder:a"))
    pack(files, DataConfig(source="folder:a", color_mode="rgb", image_size=(32, 16)))
    listed = packed_size()
    assert sorted(text for text, _ in listed) == [
        "folder:a: 40 images, 28 x 28, grey",
        "folder:a: 40 images, 32 x 16, colour",
    ]
    assert all(size >= 40 * 28 * 28 for _, size in listed)
    (packs() / "notes").mkdir()
    (packs() / ("0" * 32)).mkdir()  # has no lock, so that it is nobody's pack
    (packs() / ("1" * 32)).symlink_to(files.folder)
    (cache / "other").touch()
    assert clear() == sum(size for _, size in listed)
    assert packed_size() == []
    assert sorted(path.name for path in packs().iterdir()) == ["0" * 32, "1" * 32, "notes"]
    assert (cache / "other").exists()
    assert len(list(files.folder.iterdir())) == 40


def test_a_pack_that_is_being_made_is_not_cleared(tmp_path: Path) -> None:
    made = pack(folder_of(tmp_path / "a", (3, 9, 9, 1)), DataConfig())
    with making.locked(made.folder):
        assert clear() == 0
        assert made.folder.is_dir()
    assert clear() > 0


@pytest.mark.parametrize("processes", [1, 2])
def test_a_full_disk_keeps_nothing(processes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how much is needed, where, and what to do."""
    monkeypatch.setattr(making, "cpus", lambda: processes)
    files = folder_of(tmp_path / "a", (100, 28, 28, 1))
    message = (
        r"^100 images need 78,400 bytes in .*/cache/packed/[0-9a-f]{32}, but the disk has only [\d,]+ bytes free\. "
    )
    next_steps = r"Nothing was kept\. Free some space, .* 'condvae data clear', or name .* in \$CONDVAE_DATA\.$"

    def packs_nothing() -> None:
        with pytest.raises(StorageError, match=message + next_steps):
            pack(files, DataConfig())
        assert list(packs().iterdir()) == []

    with monkeypatch.context() as patched:
        usage = making.shutil.disk_usage(tmp_path)
        patched.setattr(making.shutil, "disk_usage", lambda path: usage._replace(free=70_000))
        packs_nothing()
    with monkeypatch.context() as patched:
        patched.setattr(making, "write_text", no_space)
        packs_nothing()
    with monkeypatch.context() as patched:
        patched.setattr(making, "_check_space", lambda journal: None)
        limited(patched, tmp_path)
        packs_nothing()
    assert len(pack(files, DataConfig()).images) == 100


def no_space(path: Path, text: str) -> None:
    """Writing a file on a full disk."""
    from condvae.storage.files import storing

    with storing(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def limited(patched: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Files of processes to come, and of this process, cannot be longer than 40,000 bytes: a write is cut short."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    truncate = making.Journal.start

    def start(journal: Any, plan: Any) -> None:
        truncate(journal, plan)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, hard))

    run = decoders.Decoders.run

    def limited_run(own: Any, *arguments: Any) -> Any:
        for process in own.processes:
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (40_000, hard))
        try:
            yield from run(own, *arguments)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    patched.setattr(making.Journal, "start", start)
    patched.setattr(decoders.Decoders, "run", limited_run)


def test_a_cache_that_cannot_be_written(nowhere: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDVAE_DATA", str(nowhere))
    with pytest.raises(StorageError, match=r"Cannot write /sys/condvae/packed/.*choose a folder that you may write to"):
        pack(folder_of(tmp_path / "a", (3, 9, 9, 1)), DataConfig())


@dataclass(frozen=True)
class Deadly:
    """Pictures of which one ends the process that decodes it."""

    files: Files
    in_memory = False

    def __len__(self) -> int:
        return len(self.files)

    def name(self, index: int) -> str:
        return self.files.name(index)

    def open(self, index: int) -> Image.Image:
        if index == 70:
            os._exit(3)
        return opened((self.files.folder / self.files.paths[index]).read_bytes())

    def stamps(self) -> Iterable[str]:
        return self.files.stamps()


def test_a_process_that_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "cpus", lambda: 2)
    files = folder_of(tmp_path / "a", (80, 9, 9, 1))
    monkeypatch.setattr(making, "sampled", lambda pictures, options: Found(Counter({(9, 9): 1})))
    message = r"The process that decoded '000\d\d\.png' to '000\d\d\.png' ended with exit status 3\. .* continues from"
    with pytest.raises(DataError, match=message):
        pack(Deadly(files), DataConfig())


PACKING = """
import sys
from pathlib import Path
from condvae.config import DataConfig
from condvae.data.packing import making
from condvae.data.listing import Files
from condvae.data.packing.packed import pack
if __name__ != "__main__":
    raise SystemExit("a process that decodes imports the user's script")
making.SECONDS_BETWEEN_SYNCS, making.MOST_AT_ONCE = 0.0, 8
making.cpus = lambda: 2
folder = Path(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
made = pack(Files(folder, sorted(path.name for path in folder.iterdir())), DataConfig())
print(made.images.path, flush=True)
"""


def packing_process(script: Path, folder: Path) -> "subprocess.Popen[str]":
    script.write_text(PACKING)
    command = [sys.executable, str(script), str(folder)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def let_go(process: "subprocess.Popen[str]") -> None:
    """Wait until a process can pack, and let it."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_killed_pack_goes_on_where_it_was(tmp_path: Path) -> None:
    """The second call decodes only what the first one has not."""
    files = folder_of(tmp_path / "a", (600, 90, 70, 1))
    with packing_process(tmp_path / "script.py", files.folder) as process:
        let_go(process)
        end = time.monotonic() + 30
        while time.monotonic() < end and not (lines := journal_lines()) > 3:
            time.sleep(0.005)
        process.kill()
    lines = journal_lines()
    assert lines > 3
    (journal,) = packs().glob("*/journal.jsonl")
    with journal.open("a") as file:
        file.write("[[592, 600], [[")  # a line that was not written whole
    counted: list[int] = []
    decode = decoders.decode
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(making, "cpus", lambda: 1)
        patched.setattr(
            decoders, "decode", lambda *given: counted.append(given[-1].stop - given[-1].start) or decode(*given)
        )
        made = pack(files, DataConfig())
    assert sum(counted) <= 600 - 8 * (lines - 2)
    assert np.array_equal(images_of(made), expected(files, made))


def journal_lines() -> int:
    return sum(len(path.read_text().splitlines()) for path in packs().glob("*/journal.jsonl"))


@pytest.mark.slow
def test_ten_kills_at_random_moments(tmp_path: Path) -> None:
    """The one picture in colour starts the pack over in the middle. A pack that is whole is deleted and made again."""
    files = folder_of(tmp_path / "a", (900, 160, 140, 1), (1, 160, 130, 3), (900, 160, 140, 1))
    whole = pack(files, DataConfig()).images.path.read_bytes()
    clear()
    moments, killed, resumed = random.Random(0), 0, 0
    while killed < 10:
        with packing_process(tmp_path / "script.py", files.folder) as process:
            let_go(process)
            time.sleep(moments.uniform(0, 0.6))
            process.kill()
            output, _ = process.communicate()
        killed += process.returncode == -signal.SIGKILL
        if output:
            assert Path(output.strip()).read_bytes() == whole
            clear()
        resumed += journal_lines() > 1
    with packing_process(tmp_path / "script.py", files.folder) as process:
        let_go(process)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert Path(output.splitlines()[-1]).read_bytes() == whole
    assert not list(packs().glob("*/journal.jsonl"))
    assert resumed >= 3, "some were killed in the middle"


def test_interrupting_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "cpus", lambda: 2)
    started: list[Any] = []
    start = decoders._start
    monkeypatch.setattr(decoders, "_start", lambda: started.append(start()) or started[-1])

    def interrupt(journal: Any, pieces: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(making.Journal, "add", interrupt)
    with pytest.raises(KeyboardInterrupt):
        pack(folder_of(tmp_path / "a", (100, 9, 9, 1)), DataConfig())
    assert len(started) == 2
    assert all(process.returncode is not None for process in started)


def test_two_processes_pack_the_same_source_once(tmp_path: Path) -> None:
    files = folder_of(tmp_path / "a", (400, 90, 70, 3))
    both = [packing_process(tmp_path / "script.py", files.folder) for _ in range(2)]
    for process in both:
        let_go(process)
    results = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], results
    paths = {output.splitlines()[-1] for output, _ in results}
    assert len(paths) == 1
    assert "Another process packs the same pictures. Waiting for it ..." in "".join(errors for _, errors in results)
    made = pack(files, DataConfig())
    assert np.array_equal(images_of(made), expected(files, made))


def test_a_lock_whose_folder_was_cleared_is_taken_again(tmp_path: Path) -> None:
    folder = packs() / ("a" * 32)
    with making.locked(folder):
        assert (folder / "lock").exists()
        with (folder / "lock").open("a") as file:
            assert not making.take(file)
            (folder / "lock").unlink()
            assert not making.is_at(file, folder / "lock")
    with making.locked(folder):
        assert (folder / "lock").exists()


def test_packing_needs_neither_torch_nor_lightning() -> None:
    code = "import condvae.data.packing.packed, sys; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "lightning"} & set(loaded)
