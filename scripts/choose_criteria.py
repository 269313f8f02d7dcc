"""How one of several trials is chosen. The docstrings are the headings of the page."""

from statistics import mean, stdev

from condvae.training.styles import SHARED

Trial = dict[str, list[float]]  # figures, each with one value for each seed
NATS = 0.5  # that a better distance or shared styles may cost
SQUARED = 1.01  # the factor of the squared error that shared styles may cost
WELL, ENOUGH = 0.75, 0.5  # correlations of a style between labels


def least_error(trials: list[Trial]) -> int:
    """the first whose squared error is within one standard deviation over seeds of the least"""
    best = trials[least(trials, "mse", range(len(trials)))]["mse"]
    return within(trials, "mse", stdev(best) if len(best) > 1 else 0.0)[0]


def most_probable(trials: list[Trial]) -> int:
    """the least -log p(x|y)"""
    return least(trials, "nll", range(len(trials)))


def nearest(trials: list[Trial]) -> int:
    """the least Frechet distance, among trials within 0.5 nats of the least -log p(x|y)"""
    return least(trials, "frechet", within(trials, "nll", NATS))


def shared(trials: list[Trial]) -> int:
    """the least weight with each style shared by 0.75, or else by 0.5, within 0.5 nats of the least -log p(x|y)"""
    return first_shared(trials, within(trials, "nll", NATS))


def shared_at_least_error(trials: list[Trial]) -> int:
    """the least weight with each style shared by 0.75, or else by 0.5, within 1% of the least squared error"""
    lowest = min(mean(trial["mse"]) for trial in trials)
    return first_shared(trials, within(trials, "mse", (SQUARED - 1) * lowest))


def first_shared(trials: list[Trial], allowed: list[int]) -> int:
    """The first of the allowed trials that shares each style well, or else enough, or else the first of them."""
    for bound in (WELL, ENOUGH):
        for number in allowed:
            if all(mean(trials[number][style]) >= bound for style in SHARED if style in trials[number]):
                return number
    return allowed[0]


def within(trials: list[Trial], figure: str, margin: float) -> list[int]:
    """The numbers of the trials whose figure is at most `margin` above the least."""
    means = [mean(trial[figure]) for trial in trials]
    return [number for number, value in enumerate(means) if value <= min(means) + margin]


def least(trials: list[Trial], figure: str, allowed: "list[int] | range") -> int:
    return min(allowed, key=lambda number: mean(trials[number][figure]))
