"""Figures of results by their places, and cells of tables."""

from math import floor, log10
from statistics import mean, stdev
from typing import Any

JUDGED, RANDOM = "features of the judge", "random features"
# which fields tell the elements of a list apart
KEYS = {
    "realism": ("prior", "mode", "conditions"),
    "compared": ("features",),
    "agreement": ("style",),
    "control": ("name",),
    "by_distance": ("distance",),
    "generated": ("images",),
    "controls": ("images",),
}
Result = dict[str, Any]
SAME = 1e-6  # a relative deviation that is rounding


def at(result: Result, place: str) -> Any:
    """A figure of a result by its place, such as "accuracy/prior" or "styles/agreement/slant/correlation".

    A step into a list is a number, or the fields that tell its elements apart, with spaces in between. None if the
    result has no such figure.
    """
    found: Any = result["parts"]
    before = ""
    for step in place.split("/"):
        if isinstance(found, dict):
            found = found.get(step)
        elif found and step.isdecimal():
            found = found[int(step)] if int(step) < len(found) else None
        elif found:
            keys = KEYS[before]
            found = next((one for one in found if " ".join(one[key] for key in keys) == step), None)
        before = step
    return found


def compared(way: str, figure: str, features: str = JUDGED) -> str:
    """The place of a figure that compares images, drawn in one way, with test images."""
    return f"realism/{way}/compared/{features}/{figure}"


def shared(style: str) -> str:
    """The place of the agreement of labels in a measure of style."""
    return f"styles/agreement/{style}/correlation"


def figures(versions: list[Result], place: str) -> list[Result]:
    """The figure of each seed that has it."""
    return [figure for figure in (at(one, place) for one in versions) if figure]


def spread(found: list[Result]) -> str:
    """The mean of seeds ± their standard deviation, and in brackets the standard error of one of them.

    The mean has as many decimals as the standard error.
    """
    if not found:
        return "-"
    values, errors = ([figure[key] for figure in found] for key in ("value", "error"))
    error = mean(errors)
    if found[0]["count"] == 1 or not error:
        return over_seeds(values)
    return f"{over_seeds(values, max(0, -floor(log10(error))))} ({error:.1g})"


def over_seeds(values: list[float], decimals: int | None = None) -> str:
    """The mean of seeds ± their standard deviation, with four digits or with some decimals."""
    center = f"{mean(values):.4g}" if decimals is None else f"{mean(values):.{decimals}f}"
    if len(values) < 2:
        return center
    deviation = stdev(values)
    return f"{center} ± {deviation if deviation > SAME * abs(mean(values)) else 0:.1g}"


def mean_of(versions: list[Result], place: str) -> float | None:
    """The mean of seeds. None if none has the figure."""
    values = [figure["value"] for figure in figures(versions, place)]
    return mean(values) if values else None


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """The lines of a table."""
    return ["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *("| " + " | ".join(row) + " |" for row in rows)]
