"""labels.csv of a run: every training image with how probable its label is, and how unusual the image."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from condvae.data.labelled import LabelledImages
from condvae.errors import RunError
from condvae.evaluation.outliers import UNUSUAL, Floats
from condvae.evaluation.suspects import Judgement
from condvae.storage.files import replacing

FILE = "labels.csv"


class Finding(NamedTuple):
    """A training image.

    Attributes:
        rank: 1 for the image whose own label is least probable. Images that no label fits (outlier_score above UNUSUAL)
            come after all others, and images that could not be judged come last.
        position: the position among the training images of the data source, from 0.
        file: where the image comes from. Empty if that is not known.
        label: its label.
        most_probable_label: the label that is most probable.
        p_label: probability of its own label. None if it could not be judged.
        log_p_label: natural logarithm of the same, which also tells very small probabilities apart.
        outlier_rank: 1 for the most unusual image.
        outlier_score: distance from usual images, in standard deviations.
    """

    rank: int
    position: int
    file: str
    label: str
    most_probable_label: str
    p_label: float | None
    log_p_label: float | None
    outlier_rank: int
    outlier_score: float


def write_findings(path: Path, part: LabelledImages, judgement: Judgement, scores: Floats) -> None:
    """Write labels.csv, the images with the least probable label first.

    Raises:
        StorageError: it cannot be written.
    """
    own = judgement.log_own.double().numpy()
    ranks, outlier_ranks = _ranks(own, scores > UNUSUAL, np.isnan(own)), _ranks(-scores)
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", errors="surrogateescape", newline="") as f:
        writer = csv.writer(f)
        writer.writerow(Finding._fields)
        for index in np.argsort(ranks):
            label, likely = part.classes[part.labels[index]], part.classes[int(judgement.likely[index])]
            probable = ("", "") if np.isnan(own[index]) else (f"{np.exp(own[index]):.4g}", f"{own[index]:.4f}")
            name = part.names[index] if part.names else ""
            unusual = outlier_ranks[index], f"{scores[index]:.4f}"
            writer.writerow((ranks[index], index, name, label, likely, *probable, *unusual))


def read_findings(path: Path) -> list[Finding]:
    """The rows of labels.csv.

    Raises:
        RunError: it is missing or damaged.
    """
    kinds: tuple[Callable[[str], Any], ...] = (int, int, str, str, str, _optional, _optional, int, float)
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
            head, *rows = csv.reader(file)
            if tuple(head) != Finding._fields:
                raise ValueError("other columns")
            return [Finding(*(kind(text) for kind, text in zip(kinds, row, strict=True))) for row in rows]
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise RunError(
            f"{path} cannot be read ({error}). Write it again with 'condvae evaluate {path.parent} --only labels'."
        ) from error


def _ranks(values: Floats, *later: NDArray[np.bool_]) -> NDArray[np.int64]:
    """1 for the smallest value. Those for which `later` holds come after all others, the last one decides first."""
    ranks = np.empty(len(values), np.int64)
    ranks[np.lexsort((values, *later))] = np.arange(1, len(values) + 1)
    return ranks


def _optional(text: str) -> float | None:
    return float(text) if text else None
