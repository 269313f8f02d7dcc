"""What the tests of the page share: the explorer as a process, pages in Chromium, and what they show."""

import base64
import io
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import condvae
from benchmarks.explorer import explore, free_port
from condvae.explorer.page import STATIC
from condvae.model.cvae import CVAE
from tests.conftest import hear_interrupts

LANGUAGES = ("en", "ko")


def views_in(registry: str) -> tuple[str, ...]:
    """The names of the views that a text of views.js has."""
    (found,) = re.findall(r"^export const views = \{ (.*) \};$", registry, re.MULTILINE)
    return tuple(found.split(", "))


VIEWS = views_in((STATIC / "views.js").read_text("utf-8"))
DESKTOP = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US"}
PHONE = {"viewport": {"width": 390, "height": 844}, "locale": "ko-KR", "has_touch": True, "color_scheme": "dark"}
NARROW = 500  # pixels of width below which a page is that of PHONE
LOADS = 180_000  # milliseconds in which a view must load on a slow machine, beside other tests
PAUSE = 0.1  # seconds between two looks at a page
PATIENCE = 100  # looks at a page until a test fails


@contextmanager
def explored(run: Path | None = None) -> Iterator[str]:
    """The address of the explorer, started as a user starts it, and stopped by Ctrl-C."""
    port = free_port()
    command = explore(run, port)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=hear_interrupts) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert f"http://127.0.0.1:{port}" in line, line
            yield f"http://127.0.0.1:{port}"
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) in (0, 130)
        finally:
            process.kill()


@contextmanager
def opened(browser: Any, address: str, view: str, state: str = "", **options: Any) -> Iterator[Any]:
    """A page at a view. It must not report an error on its console."""
    context = browser.new_context(**(options or DESKTOP))
    page, errors = context.new_page(), []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{address}#view={view}{state}" if "?" in address else f"{address}/#view={view}{state}")
    ready(page, view)
    yield page
    context.close()
    assert not errors


def ready(page: Any, view: str) -> None:
    """Wait until a view has loaded."""
    page.wait_for_selector(f"[data-view={view}][data-ready=yes]", timeout=LOADS)


def at(view: str, selector: str) -> str:
    """A selector within a view."""
    return f"[data-view={view}] {selector}"


def either(english: str, korean: str) -> re.Pattern[str]:
    """A text of the page in both languages."""
    return re.compile(f"^({re.escape(english)}|{re.escape(korean)})$")


def is_narrow(page: Any) -> bool:
    """Whether a page is that of PHONE."""
    return page.viewport_size["width"] < NARROW


def pixels(page: Any, selector: str, index: int = 0) -> np.ndarray:
    """The pixels of a canvas, uint8 (H, W, 3)."""
    address = page.locator(selector).nth(index).evaluate("canvas => canvas.toDataURL('image/png')")
    picture = Image.open(io.BytesIO(base64.b64decode(address.split(",", 1)[1])))
    return np.asarray(picture.convert("RGBA"))[..., :3]


def settles(page: Any, selector: str, wanted: np.ndarray, index: int = 0) -> bool:
    """Whether a canvas becomes the wanted image, (C, H, W), within some seconds."""
    expected = np.broadcast_to(wanted, (3, *wanted.shape[1:])).transpose(1, 2, 0).astype(int)
    rounding = 0 if has_server(page) else 1  # of 255: onnxruntime adds in another order than PyTorch
    return becomes(lambda: np.abs(pixels(page, selector, index) - expected).max() <= rounding)


def has_server(page: Any) -> bool:
    """Whether condvae serves a page, rather than a folder that it exported."""
    return page.locator("script[type=importmap]").count() == 0


def becomes(truth: Callable[[], bool], looks: int = PATIENCE) -> bool:
    """Whether something becomes true within some seconds."""
    for _ in range(looks):
        if truth():
            return True
        time.sleep(PAUSE)
    return False


def image_of(model: CVAE, label: object, z: Any, **attributes: Any) -> np.ndarray:
    """The image (C, H, W) of a label at a latent vector, from the library."""
    return condvae.generate(model, label, z=z, attributes=attributes)[0]


def link_of(page: Any) -> str:
    """The address of a page."""
    return page.evaluate("location.href")


def state_of(page: Any) -> dict[str, Any]:
    """The state of a page, as its own views have it."""
    return page.evaluate("import(new URL('explorer/state.js', document.baseURI)).then(state => state.current())")


def drag(page: Any, selector: str, *shares: tuple[float, float]) -> None:
    """Drag from place to place of an element, with the mouse, or with a finger on a phone."""
    element = page.locator(selector).first
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in shares]
    if not is_narrow(page):
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place)
        page.mouse.up()
        return
    finger = page.context.new_cdp_session(page)
    for kind, (x, y) in zip(("touchStart", *["touchMove"] * (len(places) - 1)), places, strict=True):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
