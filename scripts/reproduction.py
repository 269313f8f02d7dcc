"""Reproduce the experiment with three seeds and write docs/reproduction.md: python scripts/reproduction.py

It takes about 15 minutes on two cores. Interrupted, it continues where it was when called again.
"""

from dataclasses import asdict, fields
from pathlib import Path
from statistics import mean, stdev

from condvae.claims import Claim
from condvae.evaluate import Evaluation
from condvae.report import TITLES
from condvae.reproduce import reproduce

SEEDS = (0, 1, 2)
RUNS = Path("runs/seeds")
PAGE = Path("docs/reproduction.md")
REFERENCES = {
    "test_mse": 0.0328,
    "posterior_sd": 7e-4,
    "code_sd": 1.4,
    "accuracy_encoded": 0.940,
    "accuracy_prior": 0.873,
}
Results = list[tuple[Evaluation, list[Claim]]]


def main() -> None:
    results = [reproduce(RUNS / str(seed), seed) for seed in SEEDS]
    page = "\n".join(["# The experiment, measured", "", INTRODUCTION, "", *metrics(results), "", *claims(results), ""])
    PAGE.write_text(page, "utf-8")
    print(page)


INTRODUCTION = f"""This page is written by `python scripts/reproduction.py`. It runs `condvae reproduce` with the seeds
{", ".join(map(str, SEEDS))}; mean ± is the standard deviation between seeds. References are the figures of a plain
implementation of the experiment, one seed, with its own judge."""


def metrics(results: Results) -> list[str]:
    lines = ["## Metrics", "", header("figure")]
    for field in fields(Evaluation):
        values = [asdict(evaluation)[field.name]["value"] for evaluation, _ in results]
        lines.append(row(TITLES[field.name], values, REFERENCES[field.name]))
    return lines


def claims(results: Results) -> list[str]:
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
    seeds = " | ".join(f"seed {seed}" for seed in SEEDS)
    return f"| {name} | {seeds} | mean ± | reference |\n|{'---|' * (len(SEEDS) + 3)}"


def row(name: str, values: list[float], reference: float | None) -> str:
    cells = [name, *(f"{value:.3g}" for value in values), f"{mean(values):.3g} ± {stdev(values):.1g}"]
    return f"| {' | '.join(cells)} | {'' if reference is None else f'{reference:.3g}'} |"


if __name__ == "__main__":
    main()
