"""Figures of where the codes of test images lie."""

import re
from collections.abc import Callable
from contextlib import redirect_stdout
from io import TextIOBase

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from condvae.errors import InputError
from condvae.progress import progress
from condvae.report import plots
from condvae.report.record import FigureRecord, Wanted

TSNE_IMAGES = 5000
TSNE_ITERATIONS = 1000
TSNE_AXES = ("t-SNE 1", "t-SNE 2")


def _latent(wanted: Wanted) -> Figure:
    study, shown = wanted.study, wanted.test_positions()
    codes, known = study.test_codes.numpy(), study.test_labels.numpy()
    return plots.points(codes[shown, :2], known[shown], study.model.schema.classes, ("$z_0$", "$z_1$"))


def _tsne(wanted: Wanted) -> Figure:
    subject = wanted.study.autoencoder or wanted.study
    known = Wanted(subject, wanted.label).test_positions()
    if len(known) < 2:
        raise InputError(f"Figure 'tsne' needs two test images, and these labels have {len(known)}. Add a label.")
    shown = np.random.default_rng(0).permutation(known)[:TSNE_IMAGES]
    embedded = _embedded(subject.test_codes[shown].numpy())
    return plots.points(embedded, subject.test_labels[shown].numpy(), subject.model.schema.classes, TSNE_AXES)


def _embedded(codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Codes (N, Z) in the plane of t-SNE, (N, 2)."""
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(codes) - 1) / 3)
    tsne = TSNE(
        2, perplexity=perplexity, init="random", random_state=0, max_iter=TSNE_ITERATIONS, verbose=2
    )  # at this level it prints every 50th iteration
    with progress("t-SNE", TSNE_ITERATIONS, "iterations") as advance, redirect_stdout(_Iterations(advance)):
        embedded: NDArray[np.float32] = tsne.fit_transform(codes)
    return embedded


class _Iterations(TextIOBase):
    """Where scikit-learn's t-SNE prints to. The numbers of its iterations become progress.

    Args:
        advance: takes the number of iterations since the last call.
    """

    def __init__(self, advance: Callable[[int], object]) -> None:
        self.advance, self.done = advance, 0

    def write(self, text: str) -> int:
        found = re.search(r"Iteration (\d+):", text)
        if found:
            self.advance(int(found[1]) - self.done)
            self.done = int(found[1])
        return len(text)


LATENT = FigureRecord(
    _latent,
    "Posterior means of the test images in the first two latent dimensions, coloured by label.",
    options=("label",),
    applies=lambda study: study.model.config.latent >= 2,
    needs="at least two latent dimensions",
)
TSNE = FigureRecord(
    _tsne,
    f"t-SNE of the codes of test images ({TSNE_IMAGES:,} at most), coloured by label. If a plain autoencoder was "
    "trained beside the model, the codes are those of the autoencoder.",
    options=("label",),
    applies=lambda study: len(study.test_labels) > 1,
    needs="at least two test images",
    adds=lambda study: study.autoencoder is not None or study.model.config.latent > 2,
)
