"""The view Evidence in real Chromium."""

import json
import re
from collections.abc import Callable

from condvae.explorer.limits import LIMITS
from tests.explorer.browser import at, becomes, either, has_server


def test_the_evidence_shows_neighbours_and_settings(visit: Callable) -> None:
    page = visit("evidence", "&label=8")
    if has_server(page):
        assert becomes(lambda: page.locator(at("evidence", ".strip canvas")).count() == LIMITS.neighbours)
        first = page.locator(at("evidence", ".strip canvas")).first
        assert becomes(lambda: bool(re.search(r"8, (distance|거리) 0\.\d+", first.get_attribute("aria-label"))))
    else:
        assert not page.get_by_text(either("Nearest training images", "가장 가까운 학습 이미지")).count()
    assert json.loads(page.locator(at("evidence", "pre")).last.inner_text())["model"]["latent"] == 2
