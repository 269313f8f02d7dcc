"""The view Generate in real Chromium."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from condvae.explorer.limits import LIMITS
from condvae.model.cvae import CVAE
from tests.explorer.browser import (
    PATIENCE,
    PHONE,
    at,
    becomes,
    drag,
    either,
    image_of,
    link_of,
    opened,
    pixels,
    ready,
    settles,
    state_of,
)

SETTLES = 300  # milliseconds after which a change is one of its own
STEP = 2 * LIMITS.extent / 100  # that an arrow key moves z; with Shift ten times as far


def test_generate_opens_with_the_centre_of_the_plane(visit: Callable, model: CVAE) -> None:
    page = visit("generate")
    assert settles(page, at("generate", ".large"), image_of(model, 0, [0, 0]))
    for label in range(10):
        assert settles(page, at("generate", ".strip canvas"), image_of(model, label, [0, 0]), label)
    assert page.locator(at("generate", ".sliders input[type=range]")).count() == 2


@pytest.mark.parametrize("device", [PHONE], ids=["phone"], indirect=True)
def test_generate_works_on_a_phone(visit: Callable, model: CVAE) -> None:
    page = visit("generate")
    drag(page, at("generate", ".pad"), (0.5, 0.5), (0.6, 0.4), (0.75, 0.25))
    assert state_of(page)["z"] == pytest.approx([2, 2], abs=0.1)
    assert settles(page, at("generate", ".large"), image_of(model, 0, state_of(page)["z"]))
    assert page.evaluate("document.documentElement.lang") == "ko"


def test_generate_follows_the_pad_sliders_keys_and_typed_numbers(visit: Callable, model: CVAE) -> None:
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
    assert stepped[1] == pytest.approx(moved[1] - STEP - 10 * STEP, abs=1e-6)
    page.locator(at("generate", ".pad")).focus()
    page.keyboard.press("ArrowUp")
    assert state_of(page)["z"][1] == pytest.approx(stepped[1] + STEP, abs=1e-6)
    page.locator(at("generate", ".sliders input[type=number]")).first.fill("-1.25")
    page.keyboard.press("Enter")
    typed = state_of(page)["z"]
    assert typed[0] == -1.25
    assert settles(page, large, image_of(model, 0, typed))
    page.locator(at("generate", ".strip button")).nth(3).click()
    assert settles(page, large, image_of(model, 3, typed))
    assert settles(page, at("generate", ".strip canvas"), image_of(model, 3, typed), 3), (
        "the strip shows the same image"
    )


def test_generate_draws_z_with_a_seed_and_resets_it(visit: Callable, model: CVAE) -> None:
    page = visit("generate")
    page.get_by_role("button", name=either("Random z", "무작위 z")).click()
    assert becomes(lambda: state_of(page)["seed"] != 0)
    first = state_of(page)
    assert settles(page, at("generate", ".large"), image_of(model, 0, first["z"]))
    seed = page.get_by_label(either("Seed", "시드"))
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
    assert becomes(lambda: state_of(page)["z"] == again), "the same seed draws the same z"
    page.get_by_label(either("Draw z from", "z를 뽑을 분포")).select_option("mixture")
    assert becomes(lambda: state_of(page)["z"] != again, looks=10 * PATIENCE), "the mixture is fitted first"
    page.get_by_role("button", name=either("Reset", "초기화")).first.click()
    assert settles(page, at("generate", ".large"), image_of(model, 0, [0, 0]))


def test_a_link_opens_the_same_pixels(visit: Callable, model: CVAE) -> None:
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
    assert settles(other, at("plane", ".large"), image_of(model, 7, z)), "all views share the state"
    other.close()  # otherwise the browser slows down the page behind it


def test_a_damaged_link_opens_with_the_defaults(visit: Callable, model: CVAE) -> None:
    page = visit("generate", "&z=[1,&label=3&attributes=7&more=1&steps=x")
    assert settles(page, at("generate", ".large"), image_of(model, 3, [0, 0]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_are_light_on_dark_ground(browser: Any, address: str, scheme: str) -> None:
    with opened(browser, address, "generate", color_scheme=scheme) as page:
        for now in (scheme, "dark" if scheme == "light" else "light"):
            page.evaluate("now => { document.documentElement.dataset.theme = now; }", now)
            assert becomes(lambda now=now: (pixels(page, at("generate", ".pad")).max() > 128) == (now == "dark"))


def test_undo_returns_to_the_state_before_a_change(visit: Callable) -> None:
    page = visit("generate", "&label=3&z=[1,1]")
    page.wait_for_timeout(SETTLES)
    before = state_of(page)
    page.locator(at("generate", ".strip button")).nth(5).click()
    page.wait_for_timeout(SETTLES)
    drag(page, at("generate", ".pad"), (0.5, 0.5), (0.3, 0.3))
    page.wait_for_timeout(SETTLES)
    assert state_of(page)["z"] != before["z"]
    page.get_by_role("button", name=either("Undo", "실행 취소")).click()
    assert (state_of(page)["z"], state_of(page)["label"]) == ([1, 1], "5")
    page.keyboard.press("Control+z")
    assert state_of(page) == before


def test_choices_for_the_whole_page_are_kept(browser: Any, address: str) -> None:
    with opened(browser, address, "generate") as page:
        page.get_by_role("button", name="Light or dark").click()
        page.get_by_role("button", name="Pixels: crisp or smooth").click()
        page.get_by_role("button", name="한국어").click()
        page.wait_for_function("document.documentElement.lang === 'ko'")
        ready(page, "generate")
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
        assert page.evaluate("document.documentElement.dataset.pixels") == "smooth"


def test_an_embedded_page_has_no_heading(browser: Any, address: str) -> None:
    with opened(browser, f"{address}/?embed", "generate") as page:
        assert page.locator("header").is_hidden()
        assert page.locator("[role=tab]").first.is_visible()


@pytest.mark.parametrize("device", [PHONE], ids=["phone"], indirect=True)
def test_a_swipe_opens_the_next_view(visit: Callable) -> None:
    page = visit("generate")
    box = page.locator(at("generate", ".how")).bounding_box()
    finger = page.context.new_cdp_session(page)
    for kind, x in (("touchStart", 300), ("touchMove", 200), ("touchMove", 80)):
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": box["y"] + 5}]})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert becomes(lambda: state_of(page)["view"] == "plane")
