"""The tutorials: their pages have the code of their sources, and they run in a Jupyter kernel."""

import re
from pathlib import Path

import jupytext
import pytest

from scripts.tutorials import PAGES, SOURCES, executed

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / SOURCES).glob("*.py"))


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_page_has_the_texts_and_the_code_of_its_source(path: Path) -> None:
    page = (ROOT / PAGES / f"{path.stem}.md").read_text("utf-8")
    cells = jupytext.read(path).cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    assert re.findall(r"^```python\n(.*?)\n```$", page, re.MULTILINE | re.DOTALL) == code, "python -m scripts.tutorials"
    assert all(cell.source in page for cell in cells)


def test_pictures_are_those_of_the_pages() -> None:
    pages = "".join(path.read_text("utf-8") for path in (ROOT / PAGES).glob("*.md"))
    pictures = {path.name for path in (ROOT / PAGES).glob("*.*g")}
    assert pictures == set(re.findall(r"\]\(([\w-]+\.(?:png|svg))\)", pages))
    assert len(pictures) > 3


@pytest.mark.slow
@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_a_tutorial_runs_in_a_kernel(path: Path) -> None:
    cells = executed(path).cells
    assert all(output.output_type != "error" for cell in cells for output in cell.outputs)
    assert all(cell.execution_count for cell in cells if cell.cell_type == "code")
