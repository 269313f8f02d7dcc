"""The view Animate in real Chromium."""

import re
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from condvae.explorer.animation import SIDE
from tests.explorer.browser import at, becomes, either, has_server


def test_animations_play_and_are_saved(visit: Callable) -> None:
    page = visit("animate")
    page.get_by_role("button", name=re.compile("every label|모든 레이블")).click()
    assert page.locator(at("animate", ".path li")).count() == 10
    page.locator(at("animate", "input[type=number]")).first.fill("3")
    page.keyboard.press("Tab")
    page.get_by_role("button", name=either("Play", "재생")).click()
    page.wait_for_selector(at("animate", "img.large:not([hidden])"), timeout=30_000)
    assert becomes(lambda: page.locator(at("animate", "img")).evaluate("image => image.naturalWidth") >= SIDE)
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("GIF")).click()
    with Image.open(download.value.path()) as film:
        assert film.n_frames == 9 * 3 + 1
    assert page.get_by_role("button", name=re.compile("MP4")).count() == has_server(page)
    if has_server(page):
        with page.expect_download() as download:
            page.get_by_role("button", name=re.compile("MP4")).click()
        assert b"ftyp" in Path(download.value.path()).read_bytes()[:12]
    page.get_by_role("button", name=either("Remove stop 1", "정지점 1 삭제")).click()
    assert becomes(lambda: page.locator(at("animate", ".path li")).count() == 9)
