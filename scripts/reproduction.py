"""Reproduce the experiment with twenty seeds and write docs/reproduction.md: python -m scripts.reproduction

This takes about 45 minutes on two cores, and less on a cluster, whose address is given as --address. If it is
interrupted, the next call continues where it stopped. The figures of each seed are kept in
docs/quality/reproduction.json. If all are there, only the page is written.
"""

import json
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from scipy.stats import t

from condvae.evaluation.judge import load_judge
from condvae.recipe import load_recipe
from condvae.reproduce import reproduce
from condvae.run import Run
from condvae.storage.files import write_text
from scripts.sweeps import arguments, trained

SEEDS = range(20)
RUNS, RESULTS = Path("runs/seeds"), Path("docs/quality/reproduction.json")
PAGE = Path("docs/reproduction.md")
NARROW = 0.1  # of the scale of a figure: wider intervals decide nothing
REFERENCES = {
    "reconstruction error (test MSE)": 0.0328,
    "posterior standard deviation": 7e-4,
    "spread of the codes": 1.4,
}
UNIT = ("conditional accuracy", "share", "correlation")  # figures whose scale is 1
CLASS = ", class "  # in the headings of figures of one class, which the page does not show
HEAD = ("figure", "lowest to highest", "mean ±", "reference", "interval", "agrees")


def main(argv: list[str]) -> None:
    options = arguments(__doc__, argv)
    if len(results()) < len(SEEDS):
        command = "reproduce --out RUN --seed SEED"
        runs = trained({"paper": load_recipe("paper")}, len(SEEDS), RUNS, [command], options.address)
        found = {str(seed): measured(run, seed) for (_, seed), run in sorted(runs.items())}
        write_text(RESULTS, json.dumps(found, indent=1) + "\n")
    PAGE.write_text("\n".join(page(results())), "utf-8")
    print(f"Written: {PAGE}")


def measured(run: Run, seed: int) -> dict[str, Any]:
    """The figures of one seed, and the claims with their findings."""
    evaluation, claims = reproduce(run.path, seed)
    return {
        "figures": {title: figure.value for heading, title, figure in evaluation.figures() if CLASS not in heading},
        "claims": [
            {
                "statement": claim.statement,
                "measure": claim.measure,
                "threshold": claim.threshold,
                "verdict": claim.verdict,
                "findings": {finding.name: [finding.value, finding.reference] for finding in claim.findings},
            }
            for claim in claims
        ],
    }


def results() -> dict[str, Any]:
    """What was measured, by the seed."""
    return json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}


def page(known: dict[str, Any]) -> list[str]:
    """The lines of the page."""
    seeds = list(known.values())
    lines = ["# Reproduction of the experiment", "", INTRODUCTION.format(seeds=len(seeds), freedom=len(seeds) - 1)]
    lines += ["", "## Metrics", "", *header()]
    for title in seeds[0]["figures"]:
        values = [one["figures"][title] for one in seeds]
        lines.append(row(title, values, REFERENCES.get(title), title))
    lines += ["", "## Claims"]
    for number, first in enumerate(seeds[0]["claims"]):
        versions = [one["claims"][number] for one in seeds]
        held = sum(one["verdict"] == "holds" for one in versions)
        lines += ["", f"### {number + 1}. {first['statement']}", "", first["measure"], ""]
        lines += [f"Holds if: {first['threshold']}. **Holds for {held} of {len(seeds)} seeds.**", "", *header()]
        for name, (_, reference) in first["findings"].items():
            values = [one["findings"][name][0] for one in versions]
            lines.append(row(name, values, reference, first["measure"]))
    return [*lines, ""]


def header() -> list[str]:
    return [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]


def row(name: str, values: list[float], reference: float | None, measure: str) -> str:
    """A row of a table: the values of the seeds, and how they compare with the reference.

    Args:
        name: the name of the figure.
        values: one for each seed.
        reference: the value to compare with, if there is one.
        measure: what is measured, from which the scale of the figure follows.
    """
    span = f"{min(values):.3g} to {max(values):.3g}"
    cells = [name, span, f"{mean(values):.3g} ± {stdev(values):.1g}"]
    if reference is None:
        return f"| {' | '.join([*cells, '', '', ''])} |"
    low, high = interval(values)
    scale = 1.0 if measure.lower().startswith(UNIT) else abs(reference)
    if high - low > NARROW * scale:
        verdict = f"decides nothing: wider than {NARROW * scale:.2g}"
    else:
        verdict = "yes" if low <= reference <= high else "no"
    return f"| {' | '.join([*cells, f'{reference:.3g}', f'{low:.3g} to {high:.3g}', verdict])} |"


def interval(values: list[float]) -> tuple[float, float]:
    """The 95% prediction interval for one more seed."""
    half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) * (1 + 1 / len(values)) ** 0.5
    return mean(values) - half, mean(values) + half


INTRODUCTION = f"""This page is written by `python -m scripts.reproduction`, which runs `condvae reproduce`
with {{seeds}} seeds. The column "mean ±" has the mean and the standard deviation over the seeds. The reference
is the figure of a plain implementation of the experiment, with one seed and its own judge. That judge is right
for 99.6% of the real test images, ours for {load_judge().card["test_accuracy"]:.2%}.

The interval is the 95% prediction interval for one more seed (Student's t with {{freedom}} degrees of freedom).
More seeds do not make it narrower than the seeds differ. The reference agrees if it is inside. The row decides
nothing if the interval is wider than a tenth of the scale of the figure: 1 for a share or a correlation, and
the reference for others."""


if __name__ == "__main__":
    main(sys.argv[1:])
