"""What the page of a sweep, and the table in the terminal, show of its trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10, sqrt
from statistics import mean, stdev
from typing import Any


@dataclass(frozen=True)
class Row:
    """Trials that differ in nothing but the seed.

    Attributes:
        settings: in which they differ from the others.
        trials: their names.
        finished: the number of those that are finished.
        figures: the mean of each figure with its interval, as text, by its title.
        epochs: how many epochs they were trained, as text.
        minutes: the time of their trainings together.
    """

    settings: Mapping[str, Any]
    trials: Sequence[str]
    finished: int
    figures: Mapping[str, str]
    epochs: str
    minutes: float

    @property
    def seeds(self) -> str:
        """The number of finished seeds, and of all if they differ, as text."""
        every = len(self.trials)
        return f"{self.finished}" if self.finished == every else f"{self.finished} of {every}"


@dataclass(frozen=True)
class Curve:
    """A trial: its name, the settings in which it differs from others, and a figure after each epoch."""

    name: str
    settings: Mapping[str, Any]
    points: Sequence[tuple[int, float]]


@dataclass(frozen=True)
class SweepPage:
    """What the page shows.

    Attributes:
        title: the name of the sweep.
        figure: the title of the figure that is compared.
        is_max: whether a larger figure is better.
        states: the number of trials in each state.
        rows: the table, the best first.
        curves: all trials.
        errors: why trials failed, by their names.
        plan: the content of SWEEP.yaml.
    """

    title: str
    figure: str
    is_max: bool
    states: Mapping[str, int]
    rows: Sequence[Row]
    curves: Sequence[Curve]
    errors: Mapping[str, str]
    plan: str

    @property
    def columns(self) -> tuple[list[str], list[str]]:
        """The settings that vary, and the titles of the figures."""
        return columns_of(self.rows)

    def order(self) -> list[Curve]:
        """The trials that have the figure, the best last."""
        known = [curve for curve in self.curves if curve.points]
        return sorted(known, key=lambda curve: curve.points[-1][1], reverse=not self.is_max)


def columns_of(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    """The settings that vary between rows, and the titles of their figures."""
    names = dict.fromkeys(name for row in rows for name in row.settings)
    titles = dict.fromkeys(title for row in rows for title in row.figures)
    return list(names), list(titles)


def shown(value: Any) -> str:
    """A setting as text."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def interval(values: Sequence[float]) -> str:
    """The mean with half of its 95% interval, by Student's t-distribution. The value alone if there is only one."""
    if len(values) < 2:
        return f"{values[0]:.4g}"
    from scipy.stats import t  # takes a second, for which a sweep need not wait

    half = t.ppf(0.975, len(values) - 1) * stdev(values) / sqrt(len(values))
    digits = max(0, 1 - floor(log10(half))) if half > 0 else 4
    return f"{mean(values):.{digits}f} ± {half:.{digits}f}"
