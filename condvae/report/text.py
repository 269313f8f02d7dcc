"""The evaluation as text for a terminal, and figures with their intervals."""

from collections.abc import Sequence
from math import floor, log10, sqrt
from statistics import mean, stdev

from scipy.stats import t

from condvae.evaluation.claims import Claim
from condvae.evaluation.evaluate import Evaluation


def summary(evaluation: Evaluation, claims: list[Claim]) -> str:
    """The figures and the verdicts, line by line."""
    lines, shown = [], ""
    for heading, title, figure in evaluation.figures():
        lines += [f"\n{heading}"] if heading != shown else []
        shown = heading
        error = f" ± {figure.error:.4f}" if figure.has_error else ""
        lines.append(f"  {title:<52} {figure.value:.4f}{error}  (n = {figure.count:,})")
    lines += [f"\n{title}: {verdict}" for title, verdict in evaluation.verdicts()]
    lines += [f"\nImages are judged by {evaluation.judge}."] if evaluation.judge else []
    for number, claim in enumerate(claims, start=1):
        findings = ", ".join(f"{finding.name} {finding.value:.3g}" for finding in claim.findings)
        lines.append(f"\n{number}. {claim.statement} -> {claim.verdict}\n   {findings}")
    return "\n".join(lines)


def interval(values: Sequence[float]) -> str:
    """The mean with half of its 95% interval, by Student's t-distribution. The value alone if there is only one."""
    if len(values) < 2:
        return f"{values[0]:.4g}"
    half = t.ppf(0.975, len(values) - 1) * stdev(values) / sqrt(len(values))
    digits = max(0, 1 - floor(log10(half))) if half > 0 else 4
    return f"{mean(values):.{digits}f} ± {half:.{digits}f}"
