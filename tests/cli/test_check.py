"""condvae data check: what it prints, its exit status, and the page with pictures."""

from pathlib import Path

import pytest

from condvae.errors import EXTRAS
from tests.conftest import Cli
from tests.data.test_check import folder, picture


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))


def test_nothing_is_wrong(tmp_path: Path, command: Cli) -> None:
    root = folder(tmp_path / "set", cat=range(20), dog=range(100, 121))
    output = command("data", "check", f"folder:{root}")
    assert f"folder:{root}: 41 images in 2 classes\n" in output
    assert "height x width: 24 x 32 (41)\npixels: colour (41)\n" in output
    assert "class     images\ncat           20\ndog           21\n" in output
    assert output.endswith("Nothing is wrong.\n")


def test_notices_are_no_failure(tmp_path: Path, command: Cli) -> None:
    root = folder(tmp_path / "set", cat=range(5), dog=range(100, 120))
    output = command("data", "check", f"folder:{root}")
    assert "notice: Classes with fewer than 20 images: 1. A model learns little" in output
    assert "\n  cat: 5\n" in output
    assert output.endswith("Nothing is wrong.\n")


def test_something_is_wrong(tmp_path: Path, command: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    root = folder(tmp_path / "set", cat=range(20), dog=range(100, 120), emu=(300,))
    for number in range(12):
        (root / "cat" / f"bad {number:02}.png").write_bytes(b"")
    message = command.fails("data", "check", f"folder:{root}", "--out", tmp_path / "check.html")
    assert f"condvae: 2 findings are wrong with folder:{root}." in message
    page = (tmp_path / "check.html").read_text("utf-8")
    assert "2 findings are wrong." in page


def test_ten_cases_are_printed(tmp_path: Path, command: Cli) -> None:
    root = folder(tmp_path / "set", cat=range(30))
    for number in range(12):
        picture(number).save(root / "cat" / f"copy {number}.png")
    output = command("data", "check", f"folder:{root}")
    assert output.count("  the same pixels, cat: ") == 10
    assert "\n  and 2 more\n" in output


def test_images_without_a_label(tmp_path: Path, command: Cli) -> None:
    root = folder(tmp_path / "set", cat=range(20), more=range(50, 53))
    output = command("data", "check", f"folder:{root}", "--data.unlabelled", "more")
    assert "\ncat           20\n" in output
    assert "without a label: 3\n" in output


def test_the_options_of_training(tmp_path: Path, command: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = folder(tmp_path / "set", cat=range(20), dog=range(20, 40))
    (root / "cat" / "damaged.png").write_bytes(b"no picture")
    assert "--data.skip_damaged true" in command.fails("data", "info", f"folder:{root}")
    size = ["--data.image_size", 12, 10, "--data.color_mode", "rgb"]
    split = ["--data.skip_damaged", "true", "--data.test_split", 0.5, "--data.class_names", "dog", "cat"]
    output = command("data", "info", f"folder:{root}", *size, *split)
    assert "train: 20 images, (C, H, W) = (3, 12, 10)" in output
    assert output.index("dog") < output.index("cat")
    assert "data.unlabelled must be empty" in command.fails("data", "check", "digits", "--data.unlabelled", "none")


def test_a_source_that_is_not_there(tmp_path: Path, command: Cli) -> None:
    assert "condvae: There is no folder" in command.fails("data", "check", f"folder:{tmp_path / 'none'}")


def test_a_page_that_cannot_be_written(tmp_path: Path, nowhere: Path, command: Cli) -> None:
    root = folder(tmp_path / "set", cat=range(20))
    message = command.fails("data", "check", f"folder:{root}", "--out", nowhere / "check.html")
    assert f"Cannot write {nowhere / 'check.html'}" in message


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch, command: Cli) -> None:
    monkeypatch.setitem(EXTRAS, "report", ("no_such_package",))
    message = command.fails("data", "check", "mnist")
    assert "'condvae data check' needs no_such_package" in message
    assert "pip install 'condvae[report]'" in message
