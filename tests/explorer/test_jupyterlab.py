"""The explorer in a cell of JupyterLab, in real Chromium."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

from benchmarks.explorer import free_port
from condvae.run import Run
from tests.explorer.browser import LOADS, becomes

CODE = "import condvae\npage = condvae.explore({!r})\npage"
SECONDS = 60  # until the server answers


@pytest.fixture
def lab(tmp_path: Path, run: Run) -> Iterator[str]:
    """The address of JupyterLab with a notebook that explores the shared run."""
    cells = [nbformat.v4.new_code_cell(CODE.format(str(run.path.resolve()))), nbformat.v4.new_code_cell("page.stop()")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "page.ipynb")
    port = free_port()
    options = ["--no-browser", "--allow-root", f"--port={port}", "--IdentityProvider.token=", "--LabApp.news_url=None"]
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        *options,
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            answers(f"http://127.0.0.1:{port}/api/status")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def answers(address: str) -> None:
    """Wait until a server answers."""
    begun = time.monotonic()
    while time.monotonic() < begun + SECONDS:
        try:
            with urllib.request.urlopen(address) as answer:
                assert json.load(answer)
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{address} does not answer")


@pytest.mark.slow
def test_the_page_is_in_the_cell(lab: str, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto(f"{lab}/lab/tree/page.ipynb")
    # A cell that is run before its kernel has started is not run at all.
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for(timeout=LOADS)
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("Shift+Enter")
    output = page.locator(".jp-OutputArea-output").first
    output.wait_for(timeout=LOADS)
    assert output.locator("iframe").count() == 1, output.inner_text()
    cell = page.frame_locator(".jp-OutputArea iframe")
    cell.locator("[data-view=generate][data-ready=yes]").wait_for(timeout=LOADS)
    assert not cell.locator("#title").is_visible(), "the cell has no heading"
    large = cell.locator("[data-view=generate] canvas.large")
    before = large.evaluate("canvas => canvas.toDataURL()")
    cell.locator("[data-view=generate] .strip button").nth(4).click()
    assert becomes(lambda: large.evaluate("canvas => canvas.toDataURL()") != before), (
        "another label draws another image"
    )
    address = page.locator(".jp-OutputArea iframe").get_attribute("src").split("?")[0]
    page.locator(".jp-Notebook .jp-Cell").nth(1).click()
    page.keyboard.press("Shift+Enter")
    assert becomes(lambda: is_closed(address)), "page.stop() stops the server"
    page.close()


def is_closed(address: str) -> bool:
    """Whether nothing answers at an address."""
    try:
        with urllib.request.urlopen(address, timeout=1):
            return False
    except OSError:
        return True
