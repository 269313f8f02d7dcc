"""The evaluation of drawn images: do they have their labels, are they like test images, do they teach a classifier?

It has the figures of the parts realism and classifier_score of condvae, for images that come from a file.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condvae.data.dataset import Dataset
from condvae.evaluation.distances import frechet_distance, neighbourhood, radii
from condvae.evaluation.features import JUDGED, RANDOM, embeddings
from condvae.evaluation.judge import Judge, find_judge
from condvae.evaluation.measurement import Measurement, measure
from condvae.evaluation.parts.classifier_score import SEEDS, SEEN, chosen_of, correct_after_training, over_seeds
from condvae.images import unit

CHUNK = 1000


@dataclass(frozen=True)
class Figures:
    """How good drawn images are.

    Attributes:
        obeyed: share of images that the judge classifies as their label.
        score: accuracy on test images of a small classifier that is trained on the drawn images only (Ravuri and
            Vinyals, https://arxiv.org/abs/1905.10887).
        frechet: squared Frechet distance to the test images by the features of the judge. None if there are too few.
        frechet_random: the same by random features.
        precision, recall, density, coverage: of the drawn images among the test images, by the features of the judge.
    """

    obeyed: Measurement
    score: Measurement
    frechet: Measurement | None
    frechet_random: Measurement | None
    precision: Measurement
    recall: Measurement
    density: Measurement
    coverage: Measurement


class Evaluator:
    """Test images and their features, to compare drawn images with.

    Args:
        data: the data set. Drawn images are compared with its test images.
        seen: the number of images that a classifier of the score sees.
        judge: the classifier that judges. By default it is that of the data set.
    """

    def __init__(self, data: Dataset, seen: int = SEEN, judge: Judge | None = None) -> None:
        self.data, self.seen = data, seen
        self.judge = judge or find_judge(data)
        self.kinds = embeddings(self.judge, data.train.shape[0])
        self.test = self._features(data.test.pixels())
        self.radii = radii(self.test[JUDGED])

    def figures(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> Figures:
        """All figures of drawn images, uint8 (N, C, H, W), and their labels, int64 (N,)."""
        found, wanted = self._features(images), torch.from_numpy(labels)
        how = f"{len(labels):,} drawn images, compared with {len(self.data.test):,} test images."
        correct = (self.judge.classify(found[JUDGED]) == wanted).float()
        near = neighbourhood(self.test[JUDGED], found[JUDGED], self.radii)
        neighbours = {name: measure(values, how) for name, values in near._asdict().items()}
        return Figures(
            obeyed=measure(correct, f"Share of {len(labels):,} drawn images that the judge takes for their label."),
            score=self.score(images, wanted),
            frechet=frechet_distance(self.test[JUDGED], found[JUDGED], f"{JUDGED}, {how}"),
            frechet_random=frechet_distance(self.test[RANDOM], found[RANDOM], f"{RANDOM}, {how}"),
            **neighbours,
        )

    def score(self, images: NDArray[np.uint8], labels: Tensor) -> Measurement:
        """Accuracy on test images of classifiers trained on drawn images. The error is over seeds and test images."""
        correct = correct_after_training(
            self.data, chosen_of(torch.from_numpy(images)), labels, "drawn images", self.seen
        )
        how = (
            f"Classifiers trained on {len(labels):,} drawn images, {self.seen:,} images seen. Mean over {SEEDS} seeds."
        )
        return over_seeds(correct, how)

    def _features(self, images: NDArray[np.uint8]) -> dict[str, Tensor]:
        """Each kind of features of uint8 images."""
        parts = [unit(torch.from_numpy(images[start : start + CHUNK])) for start in range(0, len(images), CHUNK)]
        return {name: torch.cat([embed(part) for part in parts]) for name, embed in self.kinds.items()}
