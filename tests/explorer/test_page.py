"""The app in real Chromium, on a desktop in English with a mouse, and on a phone in Korean by touch."""

import base64
import io
import json
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

import condvae
from benchmarks.explorer import FLAGS, chromium, explore, free_port
from condvae.config import Config, ModelConfig
from condvae.data.dataset import Dataset, LabelledImages
from condvae.explorer.views import difference
from condvae.model.cvae import CVAE
from condvae.report.figures import GRID
from condvae.run import PRETRAINED, Run
from tests.conftest import Cli, as_text, hear_interrupts

VIEWS = ("generate", "plane", "compare", "restyle", "animate", "evidence")
DESKTOP = {"viewport": {"width": 1280, "height": 800}, "locale": "en-US"}
PHONE = {"viewport": {"width": 390, "height": 844}, "locale": "ko-KR", "has_touch": True, "color_scheme": "dark"}


@contextmanager
def explored(run: Path | None = None) -> Iterator[str]:
    """The app, started as a user starts it, and stopped by Ctrl-C."""
    port = free_port()
    process = subprocess.Popen(
        explore(run, port),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=hear_interrupts,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert f"http://127.0.0.1:{port}" in line, line
    try:
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) in (0, 130)
    finally:
        process.kill()


@pytest.fixture(scope="module")
def address(run: Run) -> Iterator[str]:
    with explored(run.path) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield started
        started.close()


@contextmanager
def opened(browser: Any, address: str, view: str, state: str = "", **options: Any) -> Iterator[Any]:
    """A page at a view, which must not say an error on its console."""
    context = browser.new_context(**(options or DESKTOP))
    page, errors = context.new_page(), []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{address}/#view={view}{state}")
    ready(page, view)
    yield page
    context.close()
    assert not errors


def ready(page: Any, view: str) -> None:
    page.wait_for_selector(f"[data-view={view}][data-ready=yes]", timeout=60_000)


@pytest.fixture(scope="module", params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def device(request: pytest.FixtureRequest, browser, address: str) -> Iterator[Any]:
    """A page on a desktop and on a phone, which all tests share, because it takes seconds to load."""
    with opened(browser, address, "generate", **request.param) as page:
        yield page


@pytest.fixture
def visit(device: Any) -> Callable:
    """Opens a view as its link does."""

    def go(view: str, state: str = "") -> Any:
        for link in ("", f"view={view}{state}"):  # first forget what the last test left
            device.evaluate("link => { location.hash = link; }", link)
            device.wait_for_timeout(50)
        ready(device, view)
        return device

    return go


def at(view: str, selector: str) -> str:
    return f"[data-view={view}] {selector}"


def pixels(page: Any, selector: str, index: int = 0) -> np.ndarray:
    """The pixels of a canvas, uint8 (H, W, 3)."""
    address = page.locator(selector).nth(index).evaluate("canvas => canvas.toDataURL('image/png')")
    picture = Image.open(io.BytesIO(base64.b64decode(address.split(",", 1)[1])))
    return np.asarray(picture.convert("RGBA"))[..., :3]


def link_of(page: Any) -> str:
    """What the address bar says."""
    return page.evaluate("location.href")


def settles(page: Any, selector: str, wanted: np.ndarray, index: int = 0) -> bool:
    """Whether a canvas becomes the wanted image, (C, H, W), within some seconds."""
    expected = np.broadcast_to(wanted, (3, *wanted.shape[1:])).transpose(1, 2, 0)
    return becomes(lambda: np.array_equal(pixels(page, selector, index), expected))


def becomes(truth: Callable[[], bool]) -> bool:
    for _ in range(100):
        if truth():
            return True
        time.sleep(0.1)
    return False


def image_of(model: CVAE, label: object, z: Any, **attributes: Any) -> np.ndarray:
    return condvae.generate(model, label, z=z, attributes=attributes)[0]


def state_of(page: Any) -> dict[str, Any]:
    """The page's state, as its own views have it."""
    script = "import(new URL('explorer/state.js', document.baseURI)).then(state => state.current())"
    return page.evaluate(script)


def drag(page: Any, selector: str, *shares: tuple[float, float]) -> None:
    """Drag from place to place of an element, with the mouse or, where there is none, a finger."""
    element = page.locator(selector).first
    element.scroll_into_view_if_needed()
    box = element.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in shares]
    if page.viewport_size["width"] > 500:
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


def test_generate_opens_with_the_centre_of_the_plane(visit: Callable, model: CVAE) -> None:
    page = visit("generate")
    assert settles(page, at("generate", ".large"), image_of(model, 0, [0, 0]))
    for label in range(10):
        assert settles(page, at("generate", ".strip canvas"), image_of(model, label, [0, 0]), label)
    assert page.locator(at("generate", ".sliders input[type=range]")).count() == 2


def test_generate_follows_pad_slider_keyboard_and_typed_numbers(visit: Callable, model: CVAE) -> None:
    large, slider = at("generate", ".large"), at("generate", ".sliders input[type=range]")
    page = visit("generate")
    drag(page, at("generate", ".pad"), (0.5, 0.5), (0.6, 0.4), (0.75, 0.25))
    z = state_of(page)["z"]
    assert z == pytest.approx([2, 2], abs=0.1)
    assert settles(page, large, image_of(model, 0, z))
    drag(page, slider, (0.75, 0.5), (0.6, 0.5), (0.4, 0.5))
    moved = state_of(page)["z"]
    assert moved[0] == pytest.approx(-0.8, abs=0.4)
    assert moved[1] == z[1]
    assert settles(page, large, image_of(model, 0, moved))
    page.locator(slider).nth(1).focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowLeft")
    stepped = state_of(page)["z"]
    assert stepped[1] == pytest.approx(moved[1] - 0.88, abs=1e-6)
    page.locator(at("generate", ".pad")).focus()
    page.keyboard.press("ArrowUp")
    assert state_of(page)["z"][1] == pytest.approx(stepped[1] + 0.08, abs=1e-6)
    page.locator(at("generate", ".sliders input[type=number]")).first.fill("-1.25")
    page.keyboard.press("Enter")
    typed = state_of(page)["z"]
    assert typed[0] == -1.25
    assert settles(page, large, image_of(model, 0, typed))
    page.locator(at("generate", ".strip button")).nth(3).click()
    assert settles(page, large, image_of(model, 3, typed))
    assert settles(page, at("generate", ".strip canvas"), image_of(model, 3, typed), 3), "the strip has the same"


def test_generate_draws_at_random_by_a_seed_and_resets(visit: Callable, model: CVAE) -> None:
    page = visit("generate")
    page.get_by_role("button", name=re.compile("Randomise|무작위")).click()
    assert becomes(lambda: state_of(page)["seed"] != 0)
    first = state_of(page)
    assert settles(page, at("generate", ".large"), image_of(model, 0, first["z"]))
    seed = page.get_by_label(re.compile("^(Seed|시드)$"))
    seed.fill("5")
    page.keyboard.press("Enter")
    assert becomes(lambda: state_of(page)["seed"] == 5)
    again = state_of(page)["z"]
    assert again != first["z"]
    seed.fill("6")
    page.keyboard.press("Enter")
    assert becomes(lambda: state_of(page)["z"] != again)
    seed.fill("5")
    page.keyboard.press("Enter")
    assert becomes(lambda: state_of(page)["z"] == again), "the same seed draws the same"
    page.get_by_label(re.compile("Draw z from|z를 뽑을 분포")).select_option("mixture")
    assert becomes(lambda: state_of(page)["z"] != again)
    page.get_by_role("button", name=re.compile("^(Reset|초기화)$")).first.click()
    assert settles(page, at("generate", ".large"), image_of(model, 0, [0, 0]))


def test_a_link_opens_the_same_pixels(visit: Callable, browser, model: CVAE) -> None:
    page = visit("generate")
    page.locator(at("generate", ".strip button")).nth(7).click()
    drag(page, at("generate", ".pad"), (0.5, 0.5), (0.31, 0.62))
    z = state_of(page)["z"]
    assert settles(page, at("generate", ".large"), image_of(model, 7, z))
    before = pixels(page, at("generate", ".large"))
    assert becomes(lambda: "z=" in link_of(page) and "label=7" in link_of(page))
    page.reload()
    ready(page, "generate")
    assert becomes(lambda: np.array_equal(pixels(page, at("generate", ".large")), before))
    assert state_of(page)["z"] == z
    link = link_of(page)
    other = page.context.new_page()
    other.goto(link.replace("#", "#view=plane&"))
    ready(other, "plane")
    assert settles(other, at("plane", ".large"), image_of(model, 7, z)), "the state is that of all views"
    other.close()  # else the browser slows the page behind it down


def test_a_damaged_link_opens_with_the_defaults(visit: Callable, model: CVAE) -> None:
    page = visit("generate", "&z=[1,&label=3&attributes=7&more=1&steps=x")
    assert settles(page, at("generate", ".large"), image_of(model, 3, [0, 0]))


def test_plane_hovers_pins_and_interpolates(visit: Callable, model: CVAE) -> None:
    large, chart = at("plane", ".large"), at("plane", ".map")
    page = visit("plane", "&label=4")
    assert settles(page, large, image_of(model, 4, [0, 0]))
    box = page.locator(chart).bounding_box()
    if page.viewport_size["width"] > 500:
        page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
        assert becomes(lambda: not np.array_equal(pixels(page, large)[..., 0], image_of(model, 4, [0, 0])[0]))
        assert state_of(page)["z"] == [0, 0], "hovering pins nothing"
        page.mouse.move(box["x"] + 2, box["y"] + 2)
        assert becomes(lambda: "support" in page.locator(at("plane", ".support")).inner_text())
        page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
    else:
        page.locator(chart).tap(position={"x": 0.7 * box["width"], "y": 0.4 * box["height"]})
    assert becomes(lambda: state_of(page)["z"] != [0, 0])
    pinned = state_of(page)["z"]
    assert pinned == pytest.approx([1.6, 0.8], abs=0.05)
    assert settles(page, large, image_of(model, 4, pinned))
    drag(page, chart, (0.3, 0.3), (0.5, 0.5), (0.7, 0.7))
    line = np.array(state_of(page)["line"])
    assert line == pytest.approx(np.array([[-1.6, 1.6], [1.6, -1.6]]), abs=0.1)
    strip = at("plane", ".strip canvas")
    assert becomes(lambda: page.locator(strip).count() == 9)
    for index, share in ((0, 0), (4, 0.5), (8, 1)):
        assert settles(page, strip, image_of(model, 4, line[0] + share * (line[1] - line[0])), index)
    page.locator(chart).focus()
    page.keyboard.press("ArrowRight")
    assert state_of(page)["z"] == pytest.approx([pinned[0] + 0.08, pinned[1]], abs=1e-6)


def test_plane_shows_points_rings_and_heat_maps(visit: Callable) -> None:
    page = visit("plane")
    plain = pixels(page, at("plane", ".map"))
    colours = {tuple(colour) for colour in plain.reshape(-1, 3)[::7]}
    assert len(colours) > 20, "points in the colours of their classes"
    seen = [plain]
    for measure in ("confidence", "slant", "thickness"):
        page.get_by_label(re.compile("Heat map|히트맵"), exact=True).select_option(measure)
        assert becomes(lambda: not any(np.array_equal(pixels(page, at("plane", ".map")), one) for one in seen))
        seen.append(pixels(page, at("plane", ".map")))
    assert (seen[-1] != plain).any(-1).mean() > 0.8


def test_compare_has_the_experiments_figure(visit: Callable, model: CVAE) -> None:
    page = visit("compare")
    page.get_by_role("button", name=re.compile("The experiment|실험의 그림")).click()
    assert becomes(lambda: (state_of(page)["label"], state_of(page)["other"]) == ("4", "9"))
    fours, nines = (condvae.generate(model, label, z=GRID) for label in ("4", "9"))
    for place in (0, 4, 8):
        assert settles(page, at("compare", "section:nth-of-type(1) canvas"), fours[place], place)
        assert settles(page, at("compare", "section:nth-of-type(2) canvas"), nines[place], place)
    shown = pixels(page, at("compare", "section:nth-of-type(3) canvas"), 4)[..., 0].astype(int)
    assert np.abs(shown - difference(fours, nines)[4, 0]).max() <= 1
    page.get_by_label(re.compile("Latent vectors|잠재 벡터"), exact=True).select_option("grid")
    assert becomes(lambda: page.locator(at("compare", "canvas")).count() == 3 * 49)


def strokes(image: np.ndarray) -> list[list[tuple[float, float]]]:
    """Strokes that draw a test image, (28, 28), again: along its ridges, in shares of the canvas, (x, y)."""
    ridge = image >= np.maximum.reduce([np.roll(image, shift, axis) for shift in (-1, 1) for axis in (0, 1)]) * 0.95
    points = [tuple(point) for point in np.argwhere(ridge & (image > 150))]
    lines = []
    while points:
        line = [points.pop(0)]
        while points:
            nearest = min(points, key=lambda point: (point[0] - line[-1][0]) ** 2 + (point[1] - line[-1][1]) ** 2)
            if (nearest[0] - line[-1][0]) ** 2 + (nearest[1] - line[-1][1]) ** 2 > 5:
                break
            points.remove(nearest)
            line.append(nearest)
        lines.append([((column + 0.5) / 28, (row + 0.5) / 28) for row, column in line])
    return lines


def test_a_drawn_digit_is_encoded_near_the_one_it_copies(visit: Callable, model: CVAE, mnist: Dataset) -> None:
    every = condvae.encode(model, mnist.test.images[:500], mnist.test.labels[:500])
    own = mnist.test.labels[:500] == 7
    usual = np.median(np.linalg.norm(every[own][:, None] - every[own][None], axis=-1))
    digit = int(np.flatnonzero(own)[0])
    page = visit("restyle")
    for line in strokes(mnist.test.images[digit, 0]):
        drag(page, at("restyle", ".ink"), *line[::3], line[-1])
    assert becomes(lambda: page.locator(at("restyle", "section:nth-of-type(1) .strip canvas")).count() == 10)
    assert becomes(lambda: state_of(page)["shows"] == "7")
    page.locator(at("restyle", "section:nth-of-type(1) .strip button")).nth(2).click()
    z = state_of(page)["z"]
    assert np.linalg.norm(z - every[digit]) < 0.5 * usual
    wanted = image_of(model, 2, z)
    assert settles(page, at("restyle", "section:nth-of-type(1) .strip canvas"), wanted, 2)
    assert re.search("centred|가운데", page.locator(at("restyle", "section:nth-of-type(1) [role=status]")).inner_text())


def test_two_uploads_are_restyled_and_morphed(visit: Callable, model: CVAE, mnist: Dataset, tmp_path: Path) -> None:
    images, labels = mnist.test.images[:2], mnist.test.labels[:2]
    page = visit("restyle")
    for number, image in enumerate(images):
        Image.fromarray(image[0]).save(tmp_path / f"{number}.png")
        page.locator(at("restyle", "input[type=file]")).nth(number).set_input_files(tmp_path / f"{number}.png")
    z = condvae.encode(model, images, labels)
    strip = at("restyle", "> .strip canvas")
    assert becomes(lambda: page.locator(strip).count() == 9)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        section = f"section:nth-of-type({number + 1})"
        assert settles(page, at("restyle", f"{section} .small"), image, 0)
        copy = condvae.reconstruct(model, image[None], int(label))[0]
        assert settles(page, at("restyle", f"{section} .small"), copy, 1)
        restyled = condvae.restyle(model, image[None], int(label), "5")[0]
        assert settles(page, at("restyle", f"{section} .strip canvas"), restyled, 5)
    halfway = image_of(model, int(labels[0]), (z[0] + z[1]) / 2)
    assert becomes(lambda: np.abs(pixels(page, strip, 4)[..., 0].astype(int) - halfway[0]).max() <= 2)
    assert becomes(lambda: "second=" in link_of(page))
    page.reload()
    ready(page, "restyle")
    assert becomes(lambda: page.locator(strip).count() == 9), "the link holds the images, too"
    shows = page.get_by_label(re.compile("It shows|무엇인가요")).first
    shows.select_option("3")
    assert becomes(lambda: state_of(page)["shows"] == "3")
    assert becomes(lambda: "shows=3" in link_of(page))
    page.reload()
    ready(page, "restyle")
    first = at("restyle", "section:nth-of-type(1)")
    assert becomes(lambda: re.search("3", page.locator(f"{first} [role=status]").inner_text())), "and what they show"
    page.get_by_role("button", name=re.compile("^(Clear|지우기)$")).first.click()
    assert becomes(lambda: page.locator(strip).first.is_hidden()), "one image has no way to another"
    assert state_of(page)["first"] == ""
    shows.select_option("5")
    page.wait_for_timeout(300)
    assert state_of(page)["first"] == "", "what is cleared stays away"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_are_light_on_dark_ground(browser, address: str, scheme: str) -> None:
    with opened(browser, address, "generate", color_scheme=scheme) as page:
        for now in (scheme, "dark" if scheme == "light" else "light"):
            page.evaluate("dark => document.body.classList.toggle('dark', dark)", now == "dark")
            assert becomes(lambda now=now: (pixels(page, at("generate", ".pad")).max() > 128) == (now == "dark"))


def test_what_is_no_image_is_said(browser, address: str, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    context = browser.new_context(**DESKTOP)
    page = context.new_page()
    page.goto(f"{address}/#view=restyle")
    ready(page, "restyle")
    page.locator(at("restyle", "input[type=file]")).first.set_input_files(tmp_path / "text.png")
    told = page.locator(at("restyle", "section:nth-of-type(1) [role=status]"))
    assert becomes(lambda: "cannot be read as an image; allowed: an image file" in told.inner_text())
    context.close()


def test_animations_play_and_are_saved(visit: Callable) -> None:
    page = visit("animate")
    page.get_by_role("button", name=re.compile("Every label|모든 레이블")).click()
    assert page.locator(at("animate", ".path li")).count() == 10
    page.locator(at("animate", "input[type=number]")).first.fill("3")
    page.keyboard.press("Tab")
    page.get_by_role("button", name=re.compile("^(Play|재생)$")).click()
    page.wait_for_selector(at("animate", "img.large:not([hidden])"), timeout=30_000)
    assert becomes(lambda: page.locator(at("animate", "img")).evaluate("image => image.naturalWidth") >= 256)
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("GIF")).click()
    assert Image.open(download.value.path()).n_frames == 28
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("MP4")).click()
    assert b"ftyp" in Path(download.value.path()).read_bytes()[:12]
    page.get_by_role("button", name=re.compile("1")).first.click()
    assert becomes(lambda: page.locator(at("animate", ".path li")).count() == 9)


def test_the_evidence_shows_neighbours_and_settings(visit: Callable) -> None:
    page = visit("evidence", "&label=8")
    assert becomes(lambda: page.locator(at("evidence", ".strip canvas")).count() == 8)
    names = [canvas.get_attribute("aria-label") for canvas in page.locator(at("evidence", ".strip canvas")).all()]
    assert all(re.search(r"8, (distance|거리) 0\.\d+", name) for name in names[:1])
    assert json.loads(page.locator(at("evidence", "pre")).last.inner_text())["model"]["latent"] == 2


@pytest.mark.parametrize(("view", "kind"), list(zip(VIEWS, cycle(["PNG", "SVG"]), strict=False)))
@pytest.mark.parametrize("device", [DESKTOP], ids=["desktop"], indirect=True)
def test_every_view_has_its_figure_and_its_code(visit: Callable, view: str, kind: str, mnist: Dataset) -> None:
    stops = quote(
        json.dumps([{"label": "1", "z": [0, 0], "attributes": {}}, {"label": "2", "z": [1, 1], "attributes": {}}])
    )
    state = {"animate": f"&path={stops}", "restyle": f"&first={quote(as_text(mnist.test.images[0, 0]))}"}.get(view, "")
    page = visit(view, state)
    actions = page.locator(at(view, ".actions"))
    with page.expect_download(timeout=60_000) as download:
        actions.get_by_role("button", name=re.compile(kind)).click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG" if kind == "PNG" else b"<?xml")
    actions.get_by_role("button", name=re.compile("^(Code|코드)$")).click()
    assert becomes(lambda: "condvae.load(" in actions.locator("pre").inner_text())
    page.evaluate("import(new URL('explorer/state.js', document.baseURI)).then(state => state.change({ seed: 7 }))")
    assert becomes(lambda: actions.locator("pre").is_hidden()), "code of another picture"


# controls and pictures that a screen reader has no name for
NAMELESS = """(view) => {
  const kinds = ":is(input, select, button, canvas[tabindex], [role=img])";
  const found = [...document.querySelectorAll(`[data-view=${view}] ${kinds}`)];
  const named = (one) => one.ariaLabel || one.labels?.length || one.textContent.trim() || one.title;
  return found.filter((one) => one.offsetParent && !named(one)).map((one) => one.outerHTML);
}"""
# the contrast of text on the page's ground, by the Web Content Accessibility Guidelines 2.2
CONTRAST = """(view) => {
  const linear = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = (text) => text.match(/[\\d.]+/g).slice(0, 3).map((value) => linear(value / 255))
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const text = getComputedStyle(document.querySelector(`[data-view=${view}]`)).color;
  const [low, high] = [light(text), light(getComputedStyle(document.body).backgroundColor)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}"""


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_accessible(visit: Callable, view: str) -> None:
    """Every control has a name, the text is readable on its ground, and nothing sticks out."""
    page = visit(view)
    assert page.evaluate(NAMELESS, view) == []
    assert page.evaluate(CONTRAST, view) > 4.5
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing sticks out"
    english = page.viewport_size["width"] > 500
    assert page.evaluate("document.documentElement.lang") == ("en" if english else "ko")
    assert ("Generate" in page.locator("[role=tab]").first.inner_text()) == english


def test_tabs_change_the_address(browser, address: str) -> None:
    with opened(browser, address, "generate") as page:
        for view in VIEWS[::-1]:
            page.locator(f"#tab-{view}-button").click()
            ready(page, view)
            assert becomes(lambda view=view: (f"view={view}" in link_of(page)) == (view != "generate"))


def test_both_languages_have_the_same_texts() -> None:
    folder = Path(condvae.__file__).parent / "explorer" / "static"
    texts = [json.loads((folder / f"{name}.json").read_text("utf-8")) for name in ("en", "ko")]
    assert texts[0].keys() == texts[1].keys()
    for name, text in texts[0].items():
        assert sorted(re.findall(r"\{\d\}", text)) == sorted(re.findall(r"\{\d\}", texts[1][name])), name
    source = "".join(path.read_text("utf-8") for path in folder.glob("*.js"))
    known = set(re.findall(r'\bt\("([\w-]+)"', source))
    assert known <= texts[0].keys()


def test_the_model_that_ships_opens_without_a_run(browser) -> None:
    model = condvae.load(PRETRAINED)
    with explored() as address, opened(browser, address, "generate") as page:
        assert settles(page, at("generate", ".large"), image_of(model, 0, [0, 0]))


def test_any_model_can_be_explored(browser, run: Run, tmp_path: Path, mnist: Dataset) -> None:
    """64 latent dimensions and three conditions beside the label; colour images of one class, whose data is gone; a
    model without labels."""
    from condvae.training.fit import fit

    settings = {"max_epochs": 1, "limit_train_batches": 20, "limit_val_batches": 1}
    small = {"encoder": (8,), "decoder": (8,)}
    many = ModelConfig(latent=64, conditions=("label", "slant", "thickness", "ink"), **small)
    model = fit(Config(model=many, trainer=settings), tmp_path / "many", mnist)
    colours = np.random.default_rng(0).integers(0, 255, (40, 3, 64, 48), dtype=np.uint8)
    part = LabelledImages(colours, np.zeros(40, np.int64), ("only",))
    one = fit(
        Config(model=ModelConfig(latent=3, **small), trainer=settings), tmp_path / "one", Dataset("gone", part, part)
    )
    for path in (tmp_path / "many", tmp_path / "one", run.path / "autoencoder"):
        with explored(path) as address, opened(browser, address, "generate") as page:
            for view in VIEWS[1:]:
                page.locator(f"#tab-{view}-button").click()
                ready(page, view)
            page.locator("#tab-plane-button").click()
            assert page.locator(at("plane", ".legend li")).count() == (1 if path.name == "one" else 10)
            assert len({tuple(colour) for colour in pixels(page, at("plane", ".map")).reshape(-1, 3)[::7]}) > 20
            page.locator("#tab-generate-button").click()
            if path.name == "autoencoder":
                continue
            if path.name == "one":
                assert settles(page, at("generate", ".large"), image_of(one, "only", [0, 0, 0]))
                continue
            assert page.locator(at("generate", ".sliders input[type=range]")).count() == 64
            drag(page, at("generate", ".controls > .field input[type=range]"), (0.5, 0.5), (0.9, 0.5))
            state = state_of(page)
            assert state["attributes"]["slant"] > model.conditions.typical["slant"]
            assert settles(page, at("generate", ".large"), image_of(model, 0, state["z"], **state["attributes"]))


def test_the_examples_of_the_documentation_run(
    address: str, mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (Path(condvae.__file__).parent.parent / "docs" / "explorer.md").read_text("utf-8")
    text = re.sub(r"(http://)?(localhost|127\.0\.0\.1):7860", address, text)
    monkeypatch.chdir(tmp_path)
    Image.fromarray(mnist.test.images[0, 0]).save("digit.png")
    (python,) = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    exec(compile(python, "docs/explorer.md", "exec"), {})
    assert Image.open("restyled.png").size == (2 * 28 + 2, 28)
    (console,) = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    commands = [line.removeprefix("$ ") for line in console.splitlines()]
    assert all(command.startswith("curl ") for command in commands)
    if not shutil.which("curl"):
        pytest.skip("there is no curl here")
    answers = [
        subprocess.run(["bash", "-c", one], check=True, capture_output=True, text=True).stdout for one in commands
    ]
    assert json.loads(answers[0])["latent"] == 2
    assert json.loads(answers[1])["shape"] == [2, 1, 28, 28]
    assert Image.open("threes.png").height == 28
    assert json.loads(answers[3])["label"] == "7"


def test_gradio_gives_no_file_away(address: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("nobody may read this")
    for path in ("/etc/passwd", run.path / "model.json", tmp_path / "secret.txt", Path.cwd() / "pyproject.toml"):
        for route in ("gradio_api/file=", "file=", "gradio_api/file/", "gradio_api/stream/"):
            with pytest.raises(HTTPError) as refusal:
                urlopen(f"{address}/{route}{path}")
            assert refusal.value.code in (401, 403, 404, 405, 422)
            assert b"nobody may" not in refusal.value.read()


def test_no_file_can_be_left_on_the_server(address: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\nabc\r\n--x--\r\n'
    request = Request(f"{address}/gradio_api/upload", body, {"Content-Type": "multipart/form-data; boundary=x"})
    with pytest.raises(HTTPError) as refusal:
        urlopen(request)
    assert refusal.value.code == 404
    assert b"/api/v1/encode" in refusal.value.read()


def test_a_port_in_use_is_named(run: Run, command: Cli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = command.fails("explore", run.path, "--port", port)
    assert re.search(rf"Port {port} on 127\.0\.0\.1 cannot be used .*Choose another with --port", message)


def test_mistakes_on_the_command_line(run: Run, command: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "allowed: 1 to 65535" in command.fails("explore", run.path, "--port", "0")
    assert "USER:PASSWORD" in command.fails("explore", run.path, "--auth", "secret")
    monkeypatch.setenv("CONDVAE_AUTH", "secret")
    assert "USER:PASSWORD" in command.fails("explore", run.path)
