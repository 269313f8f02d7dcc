"""The results of a sweep: trials that differ in nothing but the seed are one row, with an interval over the seeds."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from condvae.cluster.plan import FIGURES, SEED
from condvae.cluster.record import FAILED, FINISHED, PLAN, RAY, Sweep, TrialState, error_of
from condvae.report.trials import Curve, Row, SweepPage, interval
from condvae.training.logged import SHOWN

PAGE = "sweep.html"


@dataclass(frozen=True)
class Outcome:
    """A trial with what was measured.

    Attributes:
        trial: its name, settings and state.
        curves: the epochs, from 1, and the values of each held-out figure.
        minutes: the time of its training until now.
        error: why it failed. Empty if it did not.
    """

    trial: TrialState
    curves: Mapping[str, list[tuple[int, float]]]
    minutes: float
    error: str

    @property
    def figures(self) -> dict[str, float]:
        """The last value of each figure."""
        return {name: curve[-1][1] for name, curve in self.curves.items()}

    @property
    def epochs(self) -> int:
        """The number of epochs until now."""
        return max((curve[-1][0] for curve in self.curves.values()), default=0)


def outcomes(sweep: Sweep) -> list[Outcome]:
    """All trials with what was measured of them.

    Raises:
        RunError: a file of the sweep is damaged.
    """
    return [_outcome(sweep, trial) for trial in sweep.trials()]


def rows(sweep: Sweep, found: Iterable[Outcome]) -> list[Row]:
    """A row for each combination of settings, the best first."""
    groups: dict[str, list[Outcome]] = {}
    for one in found:
        groups.setdefault(json.dumps(_without_seed(one.trial), sort_keys=True), []).append(one)
    made = [(_mean_of(group, sweep.plan.figure), _row(group)) for group in groups.values()]
    if FIGURES[sweep.plan.figure] == "max":
        made = [(None if value is None else -value, row) for value, row in made]
    made.sort(key=lambda pair: (pair[0] is None, pair[0] or 0))
    return [row for _, row in made]


def write_page(sweep: Sweep) -> Path:
    """Write sweep.html: the table, the curves, and parallel coordinates of the settings.

    Raises:
        RunError: a file of the sweep is damaged.
        StorageError: the page cannot be written.
    """
    from condvae.report.sweep import write_sweep_page  # loads matplotlib, for which the trials need not wait

    found, figure = outcomes(sweep), sweep.plan.figure
    curves = [Curve(one.trial.name, dict(one.trial.settings), one.curves.get(figure, [])) for one in found]
    errors = {one.trial.name: one.error for one in found if one.error}
    page = SweepPage(
        title=sweep.path.name,
        figure=SHOWN[figure],
        is_max=FIGURES[figure] == "max",
        states=states(found),
        rows=rows(sweep, found),
        curves=curves,
        errors=errors,
        plan=(sweep.path / PLAN).read_text("utf-8"),
    )
    path = sweep.path / PAGE
    write_sweep_page(page, path)
    return path


def states(found: Iterable[Outcome]) -> dict[str, int]:
    """The number of trials in each state."""
    return Counter(one.trial.state for one in found)


def _outcome(sweep: Sweep, trial: TrialState) -> Outcome:
    history = sweep.run(trial).history()
    seconds = max((row["seconds"] for row in history if "seconds" in row), default=0.0)
    curves = {name: [(int(row["epoch"]) + 1, row[name]) for row in history if name in row] for name in SHOWN}
    known = {name: curve for name, curve in curves.items() if curve}
    return Outcome(trial, known, seconds / 60, _reason(sweep, trial))


def _reason(sweep: Sweep, trial: TrialState) -> str:
    """Why a trial failed. Empty if it did not. What condvae does not expect is in a file of Ray Tune."""
    own = error_of(sweep.path / trial.name)
    if own or trial.state != FAILED:
        return own
    return (error_of(sweep.path / RAY / trial.name).splitlines() or ["Its worker was lost too often."])[-1]


def _mean_of(group: list[Outcome], figure: str) -> float | None:
    values = [one.figures[figure] for one in _counted(group) if figure in one.figures]
    return mean(values) if values else None


def _without_seed(trial: TrialState) -> dict[str, Any]:
    return {name: value for name, value in trial.settings.items() if name != SEED}


def _counted(group: list[Outcome]) -> list[Outcome]:
    """The trials whose figures count: those that are finished, if there are any, and one for each seed."""
    ended = [one for one in group if one.trial.state == FINISHED] or group
    return list({one.trial.settings[SEED]: one for one in ended}.values())


def _row(group: list[Outcome]) -> Row:
    counted = _counted(group)
    figures = {
        SHOWN[name]: interval([one.figures[name] for one in counted if name in one.figures])
        for name in SHOWN
        if any(name in one.figures for one in counted)
    }
    lengths = sorted({one.epochs for one in group})
    return Row(
        settings=_without_seed(group[0].trial),
        trials=[one.trial.name for one in group],
        finished=sum(one.trial.state == FINISHED for one in group),
        figures=figures,
        epochs=f"{lengths[0]} to {lengths[-1]}" if lengths[1:] else f"{lengths[0]}",
        minutes=sum(one.minutes for one in group),
    )
