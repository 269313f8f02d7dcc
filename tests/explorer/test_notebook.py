"""The explorer in a notebook: a server in this process, for a run or for a model in memory."""

import json
import sys
from types import SimpleNamespace
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest

import condvae
from condvae.data.dataset import Dataset
from condvae.errors import InputError
from condvae.model.cvae import CVAE
from condvae.run import Run
from tests.explorer.browser import at, image_of, opened, settles


def test_a_run_is_served_until_it_is_stopped(run: Run, browser: Any, model: CVAE) -> None:
    page = condvae.explore(run)
    with opened(browser, f"{page.address}/?embed", "generate") as opened_page:
        assert settles(opened_page, at("generate", ".large"), image_of(model, 0, [0, 0]))
    assert repr(page) == f"Explorer({page.address})"
    page.stop()
    assert repr(page) == f"Explorer({page.address}, stopped)"
    with pytest.raises(URLError):
        urlopen(page.address)


def test_a_model_in_memory_is_served_with_and_without_data(model: CVAE, mnist: Dataset) -> None:
    for data in (None, mnist):
        page = condvae.explore(model, data)
        try:
            described = json.loads(urlopen(f"{page.address}/api/v1/model").read())
            plane = json.loads(urlopen(f"{page.address}/api/v1/plane").read())
        finally:
            page.stop()
        assert described["title"] == "memory"
        assert plane["of_data"] == (data is not None)


def test_two_pages_are_served_at_once(run: Run, model: CVAE) -> None:
    pages = [condvae.explore(run), condvae.explore(model)]
    assert pages[0].address != pages[1].address
    for page in pages:
        page.stop()


def test_it_shows_itself_in_a_cell(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    display = SimpleNamespace(IFrame=lambda *given: given, display=shown.append)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    page = condvae.explore(run, height=300)
    page._ipython_display_()
    assert shown == [(f"{page.address}/?embed", "100%", 300)]
    served: dict[str, Any] = {}
    colab = SimpleNamespace(
        output=SimpleNamespace(serve_kernel_port_as_iframe=lambda port, **given: served.update(given, port=port))
    )
    monkeypatch.setitem(sys.modules, "google.colab", colab)
    page._ipython_display_()
    assert served == {"port": page.port, "path": "/?embed", "height": "300"}
    page.stop()


def test_a_height_that_is_not_possible(run: Run) -> None:
    with pytest.raises(InputError, match=r"height must be at least 1, got 0\."):
        condvae.explore(run, height=0)
