"""The part of docs/quality.md about other generators, from what `python -m benchmarks.peers` has written."""

import json
from pathlib import Path
from typing import Any

from scripts import quality_texts as texts
from scripts.quality_cells import table

RESULTS = Path("benchmarks/results")
SIDE, NATS = "side", "nats of"
IMAGES = (
    SIDE,
    "labels obeyed, %",
    "accuracy score, %",
    "Frechet distance",
    "Frechet distance, random features",
    "precision, %",
    "recall, %",
    "density",
    "coverage, %",
)
COSTS = (SIDE, "seconds for 1,000 images", "seconds of training", "cores at work", "steps", "parameters", "nats", NATS)
Tables = dict[str, list[dict[str, Any]]]  # by their titles


def peers() -> Tables:
    """The tables of all data sets."""
    files = sorted(RESULTS.glob("peers-*.json"), reverse=True)  # MNIST first
    found: Tables = {}
    for path in files:
        found |= json.loads(path.read_text("utf-8"))["tables"]
    return found


def beside_others(found: Tables) -> list[str]:
    """The lines of this part. None without a result."""
    if not found:
        return []
    lines = ["", "## Other generators", "", texts.PEERS]
    for title, rows in found.items():
        lines += ["", f"### {title}"]
        for columns in (IMAGES, COSTS):
            cells = [[str(row[column]).replace("|", "\\|") or "-" for column in columns] for row in rows]
            lines += ["", *table(list(columns), cells)]
    return [*lines, "", texts.CHOICE]
