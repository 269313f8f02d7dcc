"""The view Compare in real Chromium."""

import re
from collections.abc import Callable

import numpy as np

import condvae
from condvae.model.cvae import CVAE
from condvae.report.gallery.images import GRID
from tests.explorer.browser import at, becomes, either, pixels, settles, state_of


def test_compare_shows_the_figure_of_the_experiment(visit: Callable, model: CVAE) -> None:
    page = visit("compare")
    page.get_by_role("button", name=re.compile("Figure of the experiment|실험의 그림")).click()
    assert becomes(lambda: (state_of(page)["label"], state_of(page)["other"]) == ("4", "9"))
    fours, nines = (condvae.generate(model, label, z=GRID) for label in ("4", "9"))
    for place in (0, 4, 8):
        assert settles(page, at("compare", "section:nth-of-type(1) canvas"), fours[place], place)
        assert settles(page, at("compare", "section:nth-of-type(2) canvas"), nines[place], place)
    shown = pixels(page, at("compare", "section:nth-of-type(3) canvas"), 4)[..., 0].astype(int)
    wanted = 128 + (nines[4, 0].astype(int) - fours[4, 0]) / 2
    assert np.abs(shown - wanted).max() <= 1
    page.get_by_label(either("Latent vectors", "잠재 벡터")).select_option("grid")
    assert becomes(lambda: page.locator(at("compare", "canvas")).count() == 3 * 7 * 7)
