"""The view Evidence in real Chromium."""

import json
import re
from collections.abc import Callable

from condvae.explorer.limits import LIMITS
from tests.explorer.browser import at, becomes


def test_the_evidence_shows_neighbours_and_settings(visit: Callable) -> None:
    page = visit("evidence", "&label=8")
    assert becomes(lambda: page.locator(at("evidence", ".strip canvas")).count() == LIMITS.neighbours)
    names = [canvas.get_attribute("aria-label") for canvas in page.locator(at("evidence", ".strip canvas")).all()]
    assert all(re.search(r"8, (distance|거리) 0\.\d+", name) for name in names[:1])
    assert json.loads(page.locator(at("evidence", "pre")).last.inner_text())["model"]["latent"] == 2
