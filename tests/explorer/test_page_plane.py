"""The view Plane in real Chromium: the map of the latent space."""

from collections.abc import Callable

import numpy as np
import pytest

from condvae.explorer.limits import LIMITS
from condvae.model.cvae import CVAE
from tests.explorer.browser import at, becomes, drag, either, image_of, is_narrow, pixels, settles, state_of

STEP = 2 * LIMITS.extent / 100  # that an arrow key moves z


def test_plane_decodes_selects_and_interpolates(visit: Callable, model: CVAE) -> None:
    large, chart = at("plane", ".large"), at("plane", ".map")
    page = visit("plane", "&label=4")
    assert settles(page, large, image_of(model, 4, [0, 0]))
    box = page.locator(chart).bounding_box()
    if not is_narrow(page):
        page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
        assert becomes(lambda: not np.array_equal(pixels(page, large)[..., 0], image_of(model, 4, [0, 0])[0]))
        assert state_of(page)["z"] == [0, 0], "hovering selects nothing"
        page.mouse.move(box["x"] + 2, box["y"] + 2)
        assert becomes(lambda: "Outside the training data" in page.locator(at("plane", ".support")).inner_text())
        page.mouse.click(box["x"] + 0.7 * box["width"], box["y"] + 0.4 * box["height"])
    else:
        page.locator(chart).tap(position={"x": 0.7 * box["width"], "y": 0.4 * box["height"]})
    assert becomes(lambda: state_of(page)["z"] != [0, 0])
    selected = state_of(page)["z"]
    assert selected == pytest.approx([1.6, 0.8], abs=0.05)
    assert settles(page, large, image_of(model, 4, selected))
    drag(page, chart, (0.3, 0.3), (0.5, 0.5), (0.7, 0.7))
    line = np.array(state_of(page)["line"])
    assert line == pytest.approx(np.array([[-1.6, 1.6], [1.6, -1.6]]), abs=0.1)
    strip = at("plane", ".strip canvas")
    assert becomes(lambda: page.locator(strip).count() == LIMITS.line_steps + 1)
    for index, share in ((0, 0), (4, 0.5), (8, 1)):
        assert settles(page, strip, image_of(model, 4, line[0] + share * (line[1] - line[0])), index)
    page.locator(chart).focus()
    page.keyboard.press("ArrowRight")
    assert state_of(page)["z"] == pytest.approx([selected[0] + STEP, selected[1]], abs=1e-6)


def test_plane_shows_points_and_heat_maps(visit: Callable) -> None:
    page = visit("plane")
    plain = pixels(page, at("plane", ".map"))
    colours = {tuple(colour) for colour in plain.reshape(-1, 3)[::7]}
    assert len(colours) > 20, "points in the colours of their classes"
    seen = [plain]
    for measure in ("confidence", "slant", "thickness"):
        page.get_by_label(either("Heat map", "히트맵")).select_option(measure)
        assert becomes(lambda: not any(np.array_equal(pixels(page, at("plane", ".map")), one) for one in seen))
        seen.append(pixels(page, at("plane", ".map")))
    assert (seen[-1] != plain).any(-1).mean() > 0.8


OPACITY = """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
  .filter((_, index) => index % 4 === 3).reduce((sum, value) => sum + value, 0)"""


def test_plane_highlights_classes(visit: Callable) -> None:
    page = visit("plane")
    chart, seven = page.locator(at("plane", ".map")), page.locator(at("plane", ".legend button")).nth(7)
    plain = chart.evaluate(OPACITY)
    seven.click()
    assert seven.get_attribute("aria-pressed") == "true"
    assert becomes(lambda: chart.evaluate(OPACITY) < plain / 2), "the points of other classes are faint"
    seven.click()
    assert becomes(lambda: chart.evaluate(OPACITY) == plain)


def test_plane_is_enlarged_by_wheel_buttons_keys_and_two_fingers(visit: Callable, model: CVAE) -> None:
    page = visit("plane", "&label=4")
    chart = page.locator(at("plane", ".map"))
    plain = pixels(page, at("plane", ".map"))
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    if is_narrow(page):
        finger = page.context.new_cdp_session(page)
        for kind, distance in (("touchStart", 20), ("touchMove", 40), ("touchMove", 80)):
            points = [{"x": middle[0] + side * distance, "y": middle[1], "id": side + 1} for side in (-1, 1)]
            finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    else:
        page.mouse.move(*middle)
        page.mouse.wheel(0, -700)
    assert becomes(lambda: not np.array_equal(pixels(page, at("plane", ".map")), plain))
    assert state_of(page)["z"] == [0, 0], "enlarging selects nothing"
    chart.click(position={"x": box["width"] / 2, "y": 1})
    assert becomes(lambda: 0 < state_of(page)["z"][1] < 2), "the upper edge is nearer to the centre"
    assert settles(page, at("plane", ".large"), image_of(model, 4, state_of(page)["z"]))
    page.get_by_role("button", name=either("Whole map", "전체 지도")).click()
    chart.click(position={"x": box["width"] / 2, "y": 1})
    assert becomes(lambda: state_of(page)["z"][1] > 3.9)
    whole = pixels(page, at("plane", ".map"))
    page.keyboard.press("+")
    assert becomes(lambda: not np.array_equal(pixels(page, at("plane", ".map")), whole))
    page.get_by_role("button", name=either("Whole map", "전체 지도")).click()
    assert becomes(lambda: np.array_equal(pixels(page, at("plane", ".map")), whole))


def test_plane_names_the_image_near_the_pointer(visit: Callable) -> None:
    page = visit("plane")
    if is_narrow(page):
        return  # a finger hides what is under it
    box = page.locator(at("plane", ".map")).bounding_box()
    plain = pixels(page, at("plane", ".map"))
    place = box["x"] + 0.52 * box["width"], box["y"] + 0.48 * box["height"]
    page.mouse.move(*place)
    assert becomes(lambda: not np.array_equal(pixels(page, at("plane", ".map")), plain))
    page.mouse.move(box["x"] - 5, box["y"] - 5)
    assert becomes(lambda: np.array_equal(pixels(page, at("plane", ".map")), plain))
