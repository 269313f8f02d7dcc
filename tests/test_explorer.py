"""The app in real Chromium: it follows the slider, shows every label, and says when its port is taken."""

import base64
import io
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

import condvae as package
from condvae.checkpoint import Run
from condvae.model import CVAE

from .conftest import Cli, hear_interrupts

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def address(run: Run) -> Iterator[str]:
    """The app, started as a user starts it."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "condvae", "explore", str(run.path), "--port", str(port)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert f"http://127.0.0.1:{port}" in line
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) in (0, 130)


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)  # else the one that 'playwright install chromium' brings
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(params=[(1280, 800), (390, 844)], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, browser, address: str) -> Iterator:
    errors: list[str] = []
    opened = browser.new_page(viewport={"width": request.param[0], "height": request.param[1]})
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(address)
    opened.wait_for_selector("#strip img", timeout=60_000)
    yield opened
    opened.close()
    assert not errors


def pixels(page, selector: str) -> np.ndarray:
    """The pixels of a picture on the page, from its own data."""
    source = page.locator(selector).first.get_attribute("src")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",", 1)[1]))))


def settles(page, selector: str, wanted: np.ndarray) -> bool:
    """Whether a picture becomes the wanted one within some seconds."""
    for _ in range(100):
        if (pixels(page, selector) == wanted).all():
            return True
        time.sleep(0.1)
    return False


def image_of(model: CVAE, label: int, z: list[float]) -> np.ndarray:
    return package.generate(model, label, z=z)[0, 0]


def test_it_opens_with_the_centre_of_the_plane(page, model: CVAE) -> None:
    assert (pixels(page, "#image img") == image_of(model, 0, [0, 0])).all()
    assert page.locator("input[type=range]").count() == 2
    for label in range(10):
        selector = f"#strip figure:nth-child({label + 1}) img"
        assert (pixels(page, selector) == image_of(model, label, [0, 0])).all()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing sticks out"


def test_the_label_decides_the_image(page, model: CVAE) -> None:
    page.get_by_label("7", exact=True).check()
    assert settles(page, "#image img", image_of(model, 7, [0, 0]))
    assert page.locator("#strip .chosen figcaption").inner_text() == "7"


def test_the_image_follows_the_slider_while_it_is_dragged(page, model: CVAE) -> None:
    slider = page.locator("#z0 input[type=range]")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["y"] + box["height"] / 2
    before = pixels(page, "#image img")
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    page.mouse.down()
    seen = {before.tobytes()}
    for share in (0.6, 0.7, 0.8, 0.9):
        page.mouse.move(box["x"] + box["width"] * share, middle)
        z0 = float(slider.input_value())
        assert z0 > 0.5
        assert settles(page, "#image img", image_of(model, 0, [z0, 0])), "it follows before the button is released"
        seen.add(pixels(page, "#image img").tobytes())
    assert len(seen) == 5
    page.mouse.up()
    assert settles(page, "#strip figure:nth-child(4) img", image_of(model, 3, [float(slider.input_value()), 0]))


def test_a_port_in_use_is_named(run: Run, condvae: Cli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = condvae.fails("explore", run.path, "--port", port)
    assert re.search(rf"Port {port} on 127\.0\.0\.1 cannot be used .*Choose another with --port", message)


def test_other_models_get_the_controls_they_need(bars, tmp_path) -> None:
    """Colour images with names for labels, and a model without labels."""
    from condvae.config import Config, ModelConfig
    from condvae.explorer.app import build_app, image_html, strip_html
    from condvae.training import fit

    small = {"encoder": (8,), "decoder": (8,)}
    named = fit(Config(model=ModelConfig(latent=4, **small), trainer={"max_epochs": 1}), tmp_path / "a", bars)
    plain = fit(
        Config(model=ModelConfig(conditions=(), posterior="point", **small), trainer={"max_epochs": 1}),
        tmp_path / "b",
        bars,
    )
    for model, sliders, choices in ((named, 4, ["left", "middle", "right"]), (plain, 2, [])):
        config = build_app(model, "test").get_config_file()["components"]
        assert sum(part["type"] == "slider" for part in config) == sliders
        radios = [part["props"]["choices"] for part in config if part["type"] == "radio"]
        assert [name for radio in radios for name, _ in radio] == choices
    assert image_html(plain, None, np.zeros(2), {}).count("<img") == 1
    assert strip_html(plain, None, np.zeros(2), {}) == ""
    assert strip_html(named, "middle", np.zeros(4), {}).count("<img") == 3


def test_every_condition_gets_a_control() -> None:
    from condvae.config import Attribute, ModelConfig, Schema
    from condvae.explorer.app import build_app, strip_html

    attributes = (Attribute("colour", ("red", "green")), Attribute("slant", (), 0.10001, 0.3, -0.5, 0.8))
    conditions = ("label", "colour", "slant")
    model = CVAE(ModelConfig(conditions=conditions), Schema((1, 4, 4), ("a", "b"), attributes)).eval()
    config = {part["props"].get("elem_id"): part for part in build_app(model, "test").get_config_file()["components"]}
    assert config["colour"]["type"] == "radio"
    assert config["slant"]["props"]["minimum"] == -0.5
    assert config["slant"]["props"]["value"] == 0.1
    assert strip_html(model, "b", np.zeros(2), {"colour": "green", "slant": 0.2}).count("<img") == 2
