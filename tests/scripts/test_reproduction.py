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


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_the_readmes_say_in_how_many_seeds_the_claims_hold(name: str) -> None:
    verdicts = [[claim["verdict"] == "holds" for claim in one["claims"]] for one in reproduction.results().values()]
    others = [one for one in verdicts if not all(one)]
    assert {sum(one) for one in others} == {5}
    counts = len(verdicts), len(verdicts) - len(others), len(others)
    text = " ".join((ROOT / name).read_text("utf-8").split())
    english = "Of {} seeds, all six claims hold for {}, and five of the six for the other {}"
    korean = "시드 {}개 가운데 {}개에서 여섯 주장이 모두 성립하고, 나머지 {}개에서는 다섯 개가 성립합니다"
    assert (korean if name.endswith("ko.md") else english).format(*counts) in text
