"""A finished run together with its data, and what follows from the two."""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from condvae.config import Config
from condvae.data.dataset import Dataset, prepared, require_same
from condvae.data.labelled import LabelledImages
from condvae.data.sources import load_data
from condvae.errors import DataError, RunError
from condvae.evaluation.judge import Judge, find_judge
from condvae.images import unit
from condvae.inference.batched import CHUNK, MIXTURE, MODEL_PRIOR, decode, draw, encode_all, evaluating
from condvae.inference.mixture import fit_mixture, load_mixture, save_mixture
from condvae.model.devices import fast_products
from condvae.model.priors import MixturePrior
from condvae.model.saving import load
from condvae.run import Run
from condvae.seeds import seeded, shuffled

BATCH = 1000


class Study:
    """A model, its data, and what follows from the two, computed once when it is first used.

    Tensors are on the CPU. The model may be on any device: `study.model.to("cuda")`.

    Args:
        run: a finished run, its folder, or "pretrained" for the model that ships with the package.
        data: the data set. By default, the run's own source is loaded when it is first used.
        device: where the model computes.

    Attributes:
        run: the run.
        description: the content of its model.json.
        config: its settings.
        model: the trained model.
        given_data: the data set that was given, or None.

    Raises:
        RunError: the run is missing, unfinished or damaged.
    """

    def __init__(
        self, run: Run | Path | str, data: Dataset | None = None, *, device: torch.device | str = "cpu"
    ) -> None:
        self.run, self.given_data = Run.find(run), data
        self.description: dict[str, Any] = self.run.describe()
        self.config = Config.from_dict(self.description["config"])
        self.model = load(self.run.path).to(device)

    @cached_property
    def whole(self) -> Dataset:
        """The data set as its source has it, before images are held out.

        Raises:
            DataError: the source is not available, or it has other images or classes than those of the training.
        """
        data = self.given_data or load_data(self.config.data)
        found, ours = data.train.schema, self.model.schema
        if (found.shape, found.classes) != (ours.shape, ours.classes):
            raise DataError(
                f"'{data.source}' holds images {found.shape} of the classes {', '.join(found.classes)}, but "
                f"{self.run.path} was trained on images {ours.shape} of the classes {', '.join(ours.classes)}. Restore "
                "the data."
            )
        require_same(data, self.run.data_record(), self.run.path)
        return data

    @cached_property
    def data(self) -> Dataset:
        """The data set that the model was trained on. Raises what `whole` raises."""
        return prepared(self.whole, self.config)

    @property
    def train_labels(self) -> Tensor:
        """Labels of the training images, int64 (N,)."""
        return torch.from_numpy(self.data.train.labels)

    @property
    def test_labels(self) -> Tensor:
        """Labels of the test images, int64 (N,)."""
        return torch.from_numpy(self.data.test.labels)

    @property
    def label_frequencies(self) -> Tensor:
        """The share of each label among the training images, (classes,)."""
        return torch.bincount(self.train_labels, minlength=len(self.model.schema.classes)) / len(self.train_labels)

    @cached_property
    def train_rows(self) -> Tensor:
        """Conditions of the training images, float32 (N, D)."""
        return self._rows(self.data.train)

    @cached_property
    def test_rows(self) -> Tensor:
        """Conditions of the test images, float32 (N, D)."""
        return self._rows(self.data.test)

    @cached_property
    def observed(self) -> Tensor:
        """The test images as the likelihood sees them, floats (N, C, H, W). A fixed seed decides binarised pixels."""
        with seeded(0):
            return torch.cat([self.model.observe(batch) for batch in unit_batches(self.data.test)])

    @cached_property
    def train_codes(self) -> Tensor:
        """Posterior means of the training images in standard coordinates, float32 (N, Z)."""
        return encode_all(self.model, self.data.train, self.train_rows)

    @cached_property
    def test_codes(self) -> Tensor:
        """Posterior means of the test images in standard coordinates, float32 (N, Z)."""
        return encode_all(self.model, self.data.test, self.test_rows)

    @cached_property
    def observed_codes(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of q(z|x,y) for the test images as the likelihood sees them, (N, Z) each.

        They are in the model's own coordinates, because bounds are.
        """
        device, means, deviations = self.model.device, [], []
        with evaluating(self.model):
            for images, rows in zip(self.observed.split(CHUNK), self.test_rows.split(CHUNK), strict=True):
                q = self.model.encode(images.to(device), rows.to(device))
                means.append(q.mean.cpu())
                deviations.append(q.stddev.cpu())
            return torch.cat(means), torch.cat(deviations)

    @property
    def judge(self) -> Judge | None:
        """The classifier that judges generated images, on the device of the model. None if there is only one class."""
        return self._judge and self._judge.to(self.model.device)

    @cached_property
    def mixture(self) -> MixturePrior:
        """The ex-post mixture of the codes, from the run folder. It is fitted and written there first if necessary."""
        try:
            return load_mixture(self.run.path)
        except RunError:
            save_mixture(self.run, fit_mixture(self.train_codes, self.train_labels, len(self.model.conditions.classes)))
            return load_mixture(self.run.path)

    def some_test(self, count: int) -> Tensor:
        """Positions of test images, int64, at most `count` of them: drawn at random, and always the same."""
        return shuffled(len(self.data.test))[:count]

    def draw(self, rows: Tensor, seed: int | None, prior: str = MODEL_PRIOR) -> Tensor:
        """Draw latent vectors: conditions (B, D) to (B, Z).

        Args:
            rows: the conditions.
            seed: makes the draw repeatable.
            prior: "prior" for the model's own prior, "mixture" for the ex-post mixture.
        """
        return draw(self.model, rows, seed, prior=self.mixture if prior == MIXTURE else prior)

    def decode(self, z: Tensor, rows: Tensor, sample: bool = False) -> Tensor:
        """Images to measure many of, in bfloat16 if the device has instructions for it. See `inference.decode`."""
        with fast_products(self.model.device):
            return decode(self.model, z, rows, sample)

    @cached_property
    def autoencoder(self) -> "Study | None":
        """The plain autoencoder that was trained beside this model, from the run folder. None if there is none."""
        companion = Run(autoencoder_folder(self.run.path))
        return Study(companion, device=self.model.device) if companion.is_finished else None

    @cached_property
    def _judge(self) -> Judge | None:
        return find_judge(self.whole) if len(self.whole.train.classes) > 1 else None

    def _rows(self, part: LabelledImages) -> Tensor:
        return torch.from_numpy(part.rows(self.model.config.conditions))


def unit_batches(part: LabelledImages, size: int = BATCH) -> Iterator[Tensor]:
    """All images of a part as floats in [0, 1], at most `size` at a time, (B, C, H, W)."""
    return (unit(torch.from_numpy(batch.pixels())) for batch in part.batches(size))


def unit_images(part: LabelledImages, positions: Tensor) -> Tensor:
    """Some images of a part as floats in [0, 1]: positions int64 (M,) to (M, C, H, W)."""
    return unit(torch.from_numpy(part.pixels(positions.numpy())))


def autoencoder_folder(path: Path) -> Path:
    """Where the plain autoencoder of a run is."""
    return path / "autoencoder"
