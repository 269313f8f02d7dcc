"""A finished run together with its data: what evaluation, claims, figures and report look at."""

from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from condvae.checkpoint import Run, load
from condvae.data import Dataset, LabelledImages, load_data
from condvae.errors import DataError
from condvae.judge import Judge, load_judge
from condvae.sampling import decode, encode_all

JUDGED = "mnist"
SAMPLES_PER_CLASS = 1000


class Study:
    """A model, its data and what follows from the two, each computed once and only if asked for.

    Args:
        run: a finished run.

    Raises:
        RunError: the run is missing, unfinished or damaged.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.description: dict[str, Any] = run.describe()
        self.model = load(run.path)

    @cached_property
    def data(self) -> Dataset:
        """The data that the model was trained on.

        Raises:
            DataError: the source cannot be had, or holds other images or classes than it did then.
        """
        data = load_data(self.description["config"]["data"])
        found = data.train.schema
        if found != self.model.schema:
            raise DataError(
                f"'{data.source}' holds images {found.shape} of {len(found.classes)} classes now; {self.run.path} was "
                f"trained on images {self.model.schema.shape} of {len(self.model.schema.classes)}. Restore the data."
            )
        return data

    @cached_property
    def judge(self) -> Judge | None:
        """The classifier that judges generated images; None where none knows the data."""
        return load_judge() if self.data.source == JUDGED else None

    @cached_property
    def train_codes(self) -> Tensor:
        """Posterior means of the training images, float32 (N, Z)."""
        return self._codes(self.data.train)[0]

    @cached_property
    def test_codes(self) -> tuple[Tensor, Tensor]:
        """Posterior means and standard deviations of the test images, each float32 (N, Z)."""
        return self._codes(self.data.test)

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

    def decoded(self, z: Tensor) -> Tensor:
        """The same latent vectors under every label: (B, Z) to floats in [0, 1] (classes, B, C, H, W)."""
        classes = len(self.model.schema.classes)
        labels = torch.arange(classes).repeat_interleave(len(z))
        return decode(self.model, z.repeat(classes, 1), labels).unflatten(0, (classes, len(z)))

    @property
    def sample_labels(self) -> Tensor:
        """SAMPLES_PER_CLASS of each label, in order, int64 (N,): what `class_codes` and `class_gaussians` are of."""
        return torch.arange(len(self.model.schema.classes)).repeat_interleave(SAMPLES_PER_CLASS)

    def codes_of(self, label: int) -> Tensor:
        """Posterior means of the training images of one label, float32 (N, Z)."""
        return self.train_codes[self.train_labels == label]

    def class_codes(self, seed: int = 0) -> Tensor:
        """Latent vectors of training images of each of `sample_labels`, drawn at random, float32 (N, Z)."""
        generator = torch.Generator().manual_seed(seed)

        def drawn(codes: Tensor) -> Tensor:
            return codes[torch.randint(len(codes), (SAMPLES_PER_CLASS,), generator=generator)]

        return torch.cat([drawn(self.codes_of(label)) for label in range(len(self.model.schema.classes))])

    def class_gaussians(self, seed: int = 0) -> Tensor:
        """Latent vectors for each of `sample_labels`, from a Gaussian fitted to its codes, float32 (N, Z)."""
        generator = torch.Generator().manual_seed(seed)

        def drawn(codes: Tensor) -> Tensor:
            # by eigenvalues, because codes may lie in fewer dimensions than there are
            values, directions = torch.linalg.eigh(torch.atleast_2d(codes.T.cov()))
            noise = torch.randn(SAMPLES_PER_CLASS, codes.shape[1], generator=generator, dtype=codes.dtype)
            return codes.mean(0) + (noise * values.clamp(min=0).sqrt()) @ directions.T

        classes = range(len(self.model.schema.classes))
        return torch.cat([drawn(self.codes_of(label).double()) for label in classes]).float()

    def _codes(self, part: LabelledImages) -> tuple[Tensor, Tensor]:
        return encode_all(self.model, torch.from_numpy(part.images), torch.from_numpy(part.labels))


def autoencoder_folder(path: Path) -> Path:
    """Where the plain autoencoder of a run lives."""
    return path / "autoencoder"
