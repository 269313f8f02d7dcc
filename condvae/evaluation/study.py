"""A finished run together with its data: what evaluation, claims, figures and report look at."""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from condvae.config import Config
from condvae.data.dataset import Dataset, LabelledImages, prepared
from condvae.data.sources import load_data
from condvae.errors import DataError, RunError
from condvae.evaluation.judge import Judge, find_judge
from condvae.images import unit
from condvae.inference.batched import CHUNK, decode, draw, encode_all, encode_moments, evaluating
from condvae.inference.mixture import FITTED, fit_mixture, load_mixture, save_mixture
from condvae.model.priors import MixturePrior
from condvae.model.saving import load
from condvae.run import Run
from condvae.seeds import seeded, shuffled

SAMPLES_PER_CLASS = 1000


MOST_SAMPLES = 50_000


BALANCED = "class-balanced test images drawn at random"


class Study:
    """A model, its data and what follows from the two, each computed once and only if asked for.

    Args:
        run: a finished run, or its folder.
        data: the images, where they do not come from the run's own source.

    Raises:
        RunError: the run is missing, unfinished or damaged.
    """

    def __init__(self, run: Run | Path | str, data: Dataset | None = None) -> None:
        run = run if isinstance(run, Run) else Run(Path(run))
        self.run, self.given_data = run, data
        self.description: dict[str, Any] = run.describe()
        self.config = Config.from_dict(self.description["config"])
        self.model = load(run.path)

    @cached_property
    def whole(self) -> Dataset:
        """The data as its source has it, before some of it was held out.

        Raises:
            DataError: the source cannot be had, or holds other images or classes than when the model was trained.
        """
        data = self.given_data or load_data(self.config.data)
        found = data.train.schema
        if (found.shape, found.classes) != (self.model.schema.shape, self.model.schema.classes):
            raise DataError(
                f"'{data.source}' holds images {found.shape} of the classes {', '.join(found.classes)} now; "
                f"{self.run.path} was trained on images {self.model.schema.shape} of "
                f"{', '.join(self.model.schema.classes)}. Restore the data."
            )
        return data

    @cached_property
    def data(self) -> Dataset:
        """The data that the model was trained on; raises what `whole` raises."""
        return prepared(self.whole, self.config)

    @cached_property
    def observed(self) -> Tensor:
        """The test images as the likelihood sees them, floats (N, C, H, W): binarised once for all, if it is binary."""
        with seeded(0):
            return self.model.observe(unit(torch.from_numpy(self.data.test.images)))

    @cached_property
    def judge(self) -> Judge | None:
        """The classifier that judges generated images; None where there is only one class to tell."""
        return find_judge(self.whole) if len(self.whole.train.classes) > 1 else None

    @cached_property
    def train_codes(self) -> Tensor:
        """Posterior means of the training images in standard coordinates, float32 (N, Z)."""
        return encode_all(self.model, torch.from_numpy(self.data.train.images), self.train_rows)

    @cached_property
    def test_codes(self) -> tuple[Tensor, Tensor]:
        """Posterior means and standard deviations of the test images in standard coordinates, each float32 (N, Z)."""
        return encode_moments(self.model, torch.from_numpy(self.data.test.images), self.test_rows)

    @property
    def train_labels(self) -> Tensor:
        """Labels of the training images, int64 (N,)."""
        return torch.from_numpy(self.data.train.labels)

    @property
    def test_labels(self) -> Tensor:
        """Labels of the test images, int64 (N,)."""
        return torch.from_numpy(self.data.test.labels)

    @cached_property
    def autoencoder(self) -> "Study | None":
        """The plain autoencoder trained beside this model, in the run folder's `autoencoder`; None if there is none."""
        companion = Run(autoencoder_folder(self.run.path))
        return Study(companion) if companion.is_finished else None

    @cached_property
    def train_rows(self) -> Tensor:
        """Conditions of the training images, float32 (N, D)."""
        return self._rows(self.data.train)

    @cached_property
    def test_rows(self) -> Tensor:
        """Conditions of the test images, float32 (N, D)."""
        return self._rows(self.data.test)

    @cached_property
    def observed_codes(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of q(z|x,y) for the test images as the likelihood sees them, each (N, Z); not in
        standard coordinates, as bounds are not."""
        with evaluating(self.model):
            parts = zip(self.observed.split(CHUNK), self.test_rows.split(CHUNK), strict=True)
            posteriors = [self.model.encode(*part) for part in parts]
            return torch.cat([q.mean for q in posteriors]), torch.cat([q.stddev for q in posteriors])

    @property
    def label_frequencies(self) -> Tensor:
        """The share of each label among the training images, (classes,)."""
        return torch.bincount(self.train_labels, minlength=len(self.model.schema.classes)) / len(self.train_labels)

    @cached_property
    def mixture(self) -> MixturePrior:
        """The ex-post density of the codes, from the run folder; fitted and written there if need be."""
        try:
            return load_mixture(self.run.path)
        except RunError:
            save_mixture(self.run, fit_mixture(self.train_codes, self.train_labels, len(self.model.conditions.classes)))
            return load_mixture(self.run.path)

    def decoded(self, z: Tensor) -> Tensor:
        """The same latent vectors under every label: (B, Z) to floats in [0, 1] (classes, B, C, H, W)."""
        classes = len(self.model.schema.classes)
        rows = self.rows(torch.zeros(len(z), dtype=torch.int64)).repeat(classes, 1)
        rows[:, 0] = torch.arange(classes).repeat_interleave(len(z))
        return decode(self.model, z.repeat(classes, 1), rows).unflatten(0, (classes, len(z)))

    def draw(self, rows: Tensor, seed: int | None, source: str = "prior") -> Tensor:
        """Latent vectors from one of SOURCES: conditions (B, D) to (B, Z)."""
        return draw(self.model, rows, seed, prior=self.mixture if source == "mixture" else None)

    @property
    def modes(self) -> tuple[str, ...]:
        """How images can be drawn: the mean of p(x|z,y), and a sample of it where it is a likelihood."""
        return ("mean",) if self.model.likelihood.offset is None else ("mean", "sample")

    def origin(self, source: str) -> str:
        """What to say of where z is from, one of SOURCES."""
        return f"ex-post mixture ({FITTED}{self.encoding})" if source == "mixture" else source

    def manner(self, mode: str) -> str:
        """What to say of images drawn in one of `modes`."""
        clipped = mode == "sample" and self.model.likelihood.unbounded
        return f"decoder {mode}{', clipped to [0, 1]' if clipped else ''}"

    @property
    def encoding(self) -> str:
        """What to say of codes: of their coordinates, and of images where training showed others."""
        where = "" if self.model.config.prior == "standard" else ", in standard coordinates"
        grey = ", from grey images, although training showed binarised ones" if self.model.likelihood.binary else ""
        return where + grey

    @property
    def sample_size(self) -> str:
        """How many images `sample_labels` asks for, in words."""
        count, classes = len(self.sample_labels), len(self.model.conditions.classes)
        return f"{count // classes:,} images a class" if classes else f"{count:,} images"

    @property
    def sample_labels(self) -> Tensor:
        """SAMPLES_PER_CLASS of each label, in order, but MOST_SAMPLES at most in all: int64 (N,)."""
        classes = len(self.model.schema.classes)
        return torch.arange(classes).repeat_interleave(min(SAMPLES_PER_CLASS, max(1, MOST_SAMPLES // classes)))

    @property
    def proportioned(self) -> Tensor:
        """Positions in `sample_labels` that leave the labels in the proportions of the test images, int64 (M,)."""
        labels = self.sample_labels
        counts = torch.bincount(self.test_labels, minlength=len(self.model.schema.classes))
        wanted = counts * int((labels == 0).sum()) // counts.max()
        return torch.cat([(labels == label).nonzero()[:count, 0] for label, count in enumerate(wanted.tolist())])

    def codes_of(self, label: int) -> Tensor:
        """Posterior means of the training images of one label, float32 (N, Z)."""
        return self.train_codes[self.train_labels == label]

    def balanced(self, count: int | None) -> Tensor:
        """Positions of test images drawn at random, always the same, as many of each label, and one of each at least.

        Args:
            count: how many at most; all test images if None.
        """
        if count is None:
            return torch.arange(len(self.test_labels))
        labels, counts = self.test_labels.unique(return_counts=True)
        each = max(1, min(count // len(labels), int(counts.min())))
        order = shuffled(len(self.test_labels))
        return torch.cat([order[self.test_labels[order] == label][:each] for label in labels.tolist()])

    def examples(self, labels: Tensor, seed: int = 0) -> Tensor:
        """A training image for each label, drawn at random from those of that label: positions, int64 (N,).

        None is drawn twice where there are enough. For a label without training images it is drawn from all.
        """
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.empty_like(labels)
        for label in labels.unique().tolist():
            candidates = (self.train_labels == label).nonzero()[:, 0]
            if not len(candidates):
                candidates = torch.arange(len(self.train_labels))
            wanted = labels == label
            rounds = -(-int(wanted.sum()) // len(candidates))
            order = torch.cat([torch.randperm(len(candidates), generator=generator) for _ in range(rounds)])
            chosen[wanted] = candidates[order[: wanted.sum()]]
        return chosen

    def rows(self, labels: Tensor, seed: int = 0) -> Tensor:
        """Conditions (N, D) to draw images of these labels (N,) with: attributes are those of `examples`."""
        rows = self.train_rows[self.examples(labels, seed)]
        if self.model.conditions.classes:
            rows[:, 0] = labels
        return rows

    def null_rows(self, count: int) -> Tensor:
        """The null condition, (N, D), of a model that can do without."""
        return torch.full((count, len(self.model.conditions.variables)), torch.nan)

    def _rows(self, part: LabelledImages) -> Tensor:
        return torch.from_numpy(part.rows(self.model.config.conditions))


def autoencoder_folder(path: Path) -> Path:
    """Where the plain autoencoder of a run lives."""
    return path / "autoencoder"
