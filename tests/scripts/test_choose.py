"""Settings are chosen by criteria on held-out images, and the recipes have what these choose."""

from pathlib import Path

import pytest

from condvae.training.styles import SHARED
from scripts import choose
from scripts.choose_criteria import Trial, least_error, most_probable, nearest, shared, shared_at_least_error
from scripts.quality import settings

ROOT = Path(__file__).parents[2]


def trial(nll: float, frechet: float = 1.0, style: float = 0.0, mse: float = 1.0) -> Trial:
    return {"nll": [nll - 1, nll + 1], "frechet": [frechet], "mse": [mse], **{name: [style] for name in SHARED}}


def test_criteria_that_take_the_least() -> None:
    trials = [trial(80, 3, mse=2), trial(79, 9, mse=1), trial(79.4, 2, mse=3)]
    assert most_probable(trials) == 1
    assert least_error(trials) == 1
    noisy = [{"mse": [1.02, 1.00]}, {"mse": [1.00, 1.01]}]
    assert least_error(noisy) == 0, "seeds differ more than the trials, so the first one stays"
    assert least_error([{"mse": [1.1, 1.1]}, noisy[1]]) == 1
    assert nearest(trials) == 2, "the nearest within half a nat"
    assert nearest([*trials, trial(79.6, 1)]) == 2, "not the nearest of all"


@pytest.mark.parametrize(
    ("styles", "nats", "wanted"),
    [
        ((0.2, 0.8, 0.9), (80, 80, 80), 1),  # the least weight that is enough
        ((0.2, 0.6, 0.9), (80, 80, 80), 2),
        ((0.2, 0.6, 0.7), (80, 80, 80), 1),  # 0.75 is not reached, so that 0.5 counts
        ((0.2, 0.6, 0.9), (80, 80, 81), 1),  # the last one costs too much
        ((0.2, 0.3, 0.4), (80, 80, 80), 0),  # no weight is enough
    ],
)
def test_criteria_that_share_styles(styles: tuple[float, ...], nats: tuple[float, ...], wanted: int) -> None:
    trials = [trial(nll, style=style, mse=nll / 80) for nll, style in zip(nats, styles, strict=True)]
    assert shared(trials) == wanted
    assert shared_at_least_error(trials) == wanted


def test_styles_that_are_conditions_need_not_be_shared() -> None:
    trials = [trial(80, style=0.9)]
    del trials[0][SHARED[0]]
    assert shared([{**trial(80), SHARED[1]: [0.1]}, *trials]) == 1


def test_the_page_is_what_the_results_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert "\n".join(choose.page()) == choose.PAGE.read_text("utf-8")


@pytest.mark.parametrize("number", range(len(choose.COMPARISONS)))
def test_recipes_have_the_settings_that_were_chosen(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.chdir(ROOT)
    comparison = choose.COMPARISONS[number]
    best = choose.chosen(comparison)
    assert best is not None, "python -m scripts.choose measures what is missing"
    values = settings(comparison.name, 0).to_dict()
    trial = comparison.trials[best]
    for name, value in trial.items():
        section, _, key = name.partition(".")
        if name not in choose.ALONE or len(trial) == 1:  # the term for styles has a comparison of its own
            assert values[section][key] == value, name
