"""Fixtures of the explorer's tests: the HTTP interface in this process, and the page in real Chromium."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from benchmarks.explorer import FLAGS, chromium, hosted
from condvae.config import Config, ModelConfig
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages, Values
from condvae.evaluation.study import Study
from condvae.explorer.offline.folder import export_page
from condvae.explorer.run_session import RunSession
from condvae.run import Run
from condvae.training.fit import fit
from tests.explorer.browser import DESKTOP, PHONE, explored, opened, ready
from tests.explorer.clients import open_session, serve

FORGETS = 50  # milliseconds after which a page has noticed that its address has changed


@pytest.fixture(scope="package")
def session(study: Study) -> RunSession:
    return open_session(study)


@pytest.fixture(scope="package")
def client(session: RunSession) -> TestClient:
    return serve(session)


@pytest.fixture(scope="package")
def rich(tmp_path_factory: pytest.TempPathFactory) -> RunSession:
    """Colour images of 64 x 48 pixels with two labels, another class and two numbers as conditions."""
    generator = np.random.default_rng(0)

    def part(count: int) -> LabelledImages:
        values = {
            "red": Values(generator.integers(0, 2, count), ("no", "yes")),
            "wide": Values(generator.normal(size=count).astype(np.float32)),
            "tall": Values(generator.normal(size=count).astype(np.float32)),
        }
        images = generator.integers(0, 255, (count, 3, 64, 48), dtype=np.uint8)
        return LabelledImages(images, np.arange(count) % 2, ("a", "b"), values)

    data, path = Dataset("rich", part(80), part(20)), tmp_path_factory.mktemp("rich") / "run"
    model = ModelConfig(latent=5, conditions=("label", "red", "wide", "tall"), encoder=(8,), decoder=(8,))
    fit(Config(model=model, trainer={"max_epochs": 1}), path, data)
    return open_session(Study(path, data))


@pytest.fixture(scope="package")
def address(run: Run) -> Iterator[str]:
    """The address of the explorer of the shared run."""
    with explored(run.path) as found:
        yield found


@pytest.fixture(scope="package", params=["server", "folder"])
def form(request: pytest.FixtureRequest, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page of the shared run, with condvae as its server, and exported to a folder."""
    if request.param == "server":
        yield request.getfixturevalue("address")
        return
    with hosted(export_page(run, tmp_path_factory.mktemp("exported") / "page")) as found:
        yield found


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield started
        started.close()


@pytest.fixture(
    scope="package",
    params=[pytest.param(DESKTOP, id="desktop"), pytest.param(PHONE, id="phone", marks=pytest.mark.slow)],
)
def device(request: pytest.FixtureRequest, browser: Any, form: str) -> Iterator[Any]:
    """A page on a desktop in English, and on a phone in Korean. Tests share it, because it takes seconds to load."""
    with opened(browser, form, "generate", **request.param) as page:
        yield page


@pytest.fixture
def visit(device: Any) -> Callable[..., Any]:
    """A function that opens a view as its link does."""

    def go(view: str, state: str = "") -> Any:
        for link in ("", f"view={view}{state}"):  # the first one resets what the test before left
            device.evaluate("link => { location.hash = link; }", link)
            device.wait_for_timeout(FORGETS)
        ready(device, view)
        return device

    return go
