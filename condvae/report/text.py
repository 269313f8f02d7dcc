"""The evaluation as text for a terminal."""

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
