"""TODO."""

from condvae.evaluation.claims import Claim
from condvae.evaluation.evaluate import Evaluation


def summary(evaluation: Evaluation, claims: list[Claim]) -> str:
    """The metrics and the verdicts as lines of text for a terminal."""
    lines, shown = [], ""
    for part, title, metric in evaluation.figures():
        lines += [f"\n{part}"] if part != shown else []
        shown = part
        lines.append(f"  {title:<44} {metric.value:.4f} ± {metric.error:.4f}  (n = {metric.count:,})")
    lines += [f"\nImages are judged by {evaluation.judge}."] if evaluation.judge else []
    for number, claim in enumerate(claims, start=1):
        figures = ", ".join(f"{finding.name} {finding.value:.3g}" for finding in claim.findings)
        lines.append(f"\n{number}. {claim.statement} -> {claim.verdict}\n   {figures}")
    return "\n".join(lines)
