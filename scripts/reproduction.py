"""Reproduce the experiment with five seeds and write docs/reproduction.md: python scripts/reproduction.py

This takes about 11 minutes on two cores. If it is interrupted, the next call continues where it stopped.
"""

from pathlib import Path
from statistics import mean, stdev

from scipy.stats import t

from condvae.evaluation.claims import Claim
from condvae.evaluation.evaluate import Evaluation
from condvae.evaluation.judge import load_judge
from condvae.reproduce import reproduce

SEEDS = (0, 1, 2, 3, 4)
RUNS = Path("runs/seeds")
PAGE = Path("docs/reproduction.md")
REFERENCES = {
    "reconstruction error (test MSE)": 0.0328,
    "posterior standard deviation": 7e-4,
    "spread of the codes": 1.4,
}
Results = list[tuple[Evaluation, list[Claim]]]


def main() -> None:
    results = [reproduce(RUNS / str(seed), seed) for seed in SEEDS]
    page = "\n".join(
        ["# Reproduction of the experiment", "", INTRODUCTION, "", *metrics(results), "", *claims(results), ""]
    )
    PAGE.write_text(page, "utf-8")
    print(page)


INTRODUCTION = f"""This page is written by `python scripts/reproduction.py`, which runs `condvae reproduce` with the
seeds {", ".join(map(str, SEEDS))}. The column "mean ±" has the mean and the standard deviation over the seeds. The
reference is the figure of a plain implementation of the experiment, with one seed and its own judge. That judge is
right for 99.6% of the real test images, ours for {load_judge().card["test_accuracy"]:.2%}. The interval is the 95%
prediction interval for one more seed (Student's t with {len(SEEDS) - 1} degrees of freedom). The reference agrees if it
is inside. If the interval is wide, the seeds differ much, and the agreement says little."""


def metrics(results: Results) -> list[str]:
    """The table of all figures of the evaluation."""
    lines = ["## Metrics", "", header("figure")]
    for versions in zip(*(evaluation.figures() for evaluation, _ in results), strict=True):
        _, title, _ = versions[0]
        lines.append(row(title, [figure.value for _, _, figure in versions], REFERENCES.get(title)))
    return lines


def claims(results: Results) -> list[str]:
    """The claims with their verdicts, and a table of the findings of each."""
    lines = ["## Claims"]
    for number, versions in enumerate(zip(*(claims for _, claims in results), strict=True), start=1):
        first = versions[0]
        verdicts = ", ".join(claim.verdict for claim in versions)
        lines += ["", f"### {number}. {first.statement}", "", first.measure, ""]
        lines += [f"Holds if: {first.threshold}. **Verdicts: {verdicts}.**", "", header("figure")]
        for index, finding in enumerate(first.findings):
            lines.append(row(finding.name, [claim.findings[index].value for claim in versions], finding.reference))
    return lines


def header(name: str) -> str:
    """The first two lines of a table. `name` is the heading of its first column."""
    seeds = " | ".join(f"seed {seed}" for seed in SEEDS)
    return f"| {name} | {seeds} | mean ± | reference | interval | agrees |\n|{'---|' * (len(SEEDS) + 5)}"


def row(name: str, values: list[float], reference: float | None) -> str:
    """A row of a table: one value for each seed, and how they compare with the reference."""
    cells = [name, *(f"{value:.3g}" for value in values), f"{mean(values):.3g} ± {stdev(values):.1g}"]
    if reference is None:
        return f"| {' | '.join([*cells, '', '', ''])} |"
    half = t.ppf(0.975, len(values) - 1) * stdev(values) * (1 + 1 / len(values)) ** 0.5
    low, high = mean(values) - half, mean(values) + half
    agrees = "yes" if low <= reference <= high else "no"
    return f"| {' | '.join([*cells, f'{reference:.3g}', f'{low:.3g} to {high:.3g}', agrees])} |"


if __name__ == "__main__":
    main()
