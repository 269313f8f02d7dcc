"""The page about a data set: counts, findings and pictures, in one file."""

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from condvae.report import check as page
from condvae.report.check import write_check
from tests.data.test_check import checked, folder, picture


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))


def written(root: Path, path: Path) -> str:
    write_check(checked(root), path)
    return path.read_text("utf-8")


def pictures(text: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in found]


def test_the_page(tmp_path: Path) -> None:
    root = folder(tmp_path / "set", train__cat=range(20), train__dog=range(50, 70), test__cat=(7, 30))
    (root / "train" / "dog" / "bad.png").write_bytes(b"")
    text = written(root, tmp_path / "check.html")
    assert "http" not in text, "the page needs no network"
    assert "42 images in 2 classes." in text
    assert "2 findings are wrong." in text
    assert "Pictures that cannot be read: 1" in text
    assert "<li>train/dog/bad.png: the file is empty</li>" in text
    assert "The same picture in several parts: 1" in text
    assert "train/cat/7.png<br>train, cat<br>" in text
    assert "test/cat/7.png<br>test, cat<br>" in text
    assert '<td class="name">dog</td><td class="number">20</td><td class="number">0</td>' in text
    shown = pictures(text)
    assert len(shown) == 2 + 2 * page.EXAMPLES
    assert all(one.size == (32, 24) for one in shown)
    assert shown[0].tobytes() == picture(7).tobytes() == shown[1].tobytes()


def test_nothing_is_wrong(tmp_path: Path) -> None:
    text = written(folder(tmp_path / "set", cat=range(20)), tmp_path / "check.html")
    assert "20 images in 1 class." in text
    assert "Nothing is wrong." in text
    assert "There are none: all pictures can be read" in text


def test_names_are_text(tmp_path: Path) -> None:
    name = "<b>cat & dog</b>".replace("/", "")
    root = folder(tmp_path / "set", **{name: range(20)})
    picture(0).save(root / name / "<i>.png")
    text = written(root, tmp_path / "check.html")
    assert "&lt;b&gt;cat &amp; dog" in text
    assert "<b>" not in text
    assert "<i>" not in text


def test_the_page_stays_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "MOST_CASES", 3)
    monkeypatch.setattr(page, "MOST_CLASSES", 1)
    root = folder(tmp_path / "set", cat=range(30), dog=range(100, 120))
    for number in range(5):
        for copy in range(6):
            picture(number).save(root / "cat" / f"copy {number} {copy}.png")
    text = written(root, tmp_path / "check.html")
    assert len(pictures(text)) == 3 * page.MOST_PICTURES + page.EXAMPLES
    assert "2 more are not shown." in text
    assert "Images of the first 1 classes are shown." in text
    assert text.count("and 3 more") == 3
