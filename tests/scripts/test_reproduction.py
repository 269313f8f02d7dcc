"""The page of the reproduction: what an interval over seeds decides."""

from pathlib import Path

import numpy as np
import pytest

from scripts import reproduction

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("values", "reference", "verdict"),
    [
        ([0.90, 0.91, 0.92], 0.91, "yes"),
        ([0.90, 0.91, 0.92], 0.80, "no"),
        ([0.60, 0.80, 0.95], 0.79, "decides nothing: wider than 0.1"),
    ],
)
def test_a_row_agrees_disagrees_or_decides_nothing(values: list[float], reference: float, verdict: str) -> None:
    assert reproduction.row("slant", values, reference, "Correlation of slant").endswith(f"| {verdict} |")


def test_the_scale_of_other_figures_is_their_reference() -> None:
    assert "decides nothing: wider than 7e-05" in reproduction.row("width", [7e-4, 9e-4, 8e-4], 7e-4, "Nats")
    assert reproduction.row("range", [1, 2], None, "Range").endswith("|  |  |  |"), "nothing to compare with"


def test_the_interval_holds_a_further_seed_in_95_of_100_cases() -> None:
    draws = np.random.default_rng(0).normal(size=(4000, 6))
    inside = [low <= one[-1] <= high for one in draws for low, high in [reproduction.interval(list(one[:-1]))]]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.02)


def test_the_page_is_what_the_results_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert "\n".join(reproduction.page(reproduction.results())) == reproduction.PAGE.read_text("utf-8")
