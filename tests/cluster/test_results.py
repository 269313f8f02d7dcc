"""The table and the page of a sweep, from run folders that are made here."""

from math import sqrt
from pathlib import Path

import pytest
from scipy.stats import t

from condvae.cluster.record import ERROR, FINISHED, STOPPED, Sweep, TrialState
from condvae.cluster.results import outcomes, rows, states, write_page
from condvae.report.trials import interval
from condvae.run import Run
from tests.cluster.plans import written
from tests.conftest import Cli

BOUNDS = {2: {0: -120.0, 1: -124.0}, 8: {0: -100.0, 1: -101.0}}  # by latent dimensions and seed


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    """Four finished trials, and a fifth that was stopped early and a sixth that failed."""
    written(tmp_path / "sweep.yaml", grid={"model.latent": [2, 8, 16]}, seeds=2)
    trials = []
    for latent, bounds in BOUNDS.items():
        for seed, bound in bounds.items():
            trials.append(made(tmp_path, latent, seed, [bound - 50, bound], FINISHED))
    trials += [made(tmp_path, 16, 0, [-300.0], STOPPED), made(tmp_path, 16, 1, [], "failed")]
    (tmp_path / trials[-1].name / ERROR).write_text("The loss is nan.\n")
    found = Sweep(tmp_path)
    found.write_trials(trials)
    return found


def made(path: Path, latent: int, seed: int, bounds: list[float], state: str) -> TrialState:
    trial = TrialState(f"{latent}-{seed}", {"model.latent": latent, "training.seed": seed}, state)
    (path / trial.name).mkdir()
    rows = [{"epoch": float(epoch), "val_bound": bound} for epoch, bound in enumerate(bounds)]
    Run(path / trial.name).write_history([*rows, {"epoch": len(bounds) - 1.0, "seconds": 30.0}])
    return trial


def test_seeds_are_one_row_with_an_interval_and_the_best_is_first(sweep: Sweep) -> None:
    first, second, last = rows(sweep, outcomes(sweep))
    assert [dict(row.settings) for row in (first, second, last)] == [{"model.latent": n} for n in (8, 2, 16)]
    half = t.ppf(0.975, 1) * sqrt(0.5) / sqrt(2)
    assert first.figures == {"validation bound": f"-100.5 ± {half:.1f}"}
    assert (first.finished, first.epochs, first.minutes) == (2, "2", 1.0)
    assert (last.finished, last.epochs) == (0, "0 to 1")


def test_the_page_has_table_curves_and_errors(sweep: Sweep) -> None:
    text = write_page(sweep).read_text("utf-8")
    assert text.count("<svg") == 2
    assert "-100.5 ± 6.4" in text
    assert "The loss is nan." in text
    assert "0 of 2" in text
    assert states(outcomes(sweep)) == {"finished": 4, "stopped early": 1, "failed": 1}


def test_show_prints_it_at_any_time(sweep: Sweep, command: Cli) -> None:
    output = command("sweep", "show", sweep.path)
    assert "-100.5 ± 6.4" in output
    assert "6 trials: 4 finished, 1 stopped early, 1 failed" in output
    assert "16-1: The loss is nan." in output


def test_an_interval_has_two_digits() -> None:
    assert interval([3.0]) == "3"
    assert interval([1.0, 1.0]) == "1.0000 ± 0.0000"
    assert interval([0.1, 0.2, 0.3]) == "0.20 ± 0.25"
