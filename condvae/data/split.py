"""Training, validation and test images of a data set that does not say which are which."""

import numpy as np
from numpy.typing import NDArray

from condvae.errors import ConfigError, DataError

TRAIN, VALIDATION, TEST = 0, 1, 2  # positions in condvae.data.listing.PARTS
SETTINGS = {VALIDATION: "data.validation_split", TEST: "data.test_split"}
PURPOSES = {VALIDATION: "validation", TEST: "testing"}


def split(
    labels: NDArray[np.int64], groups: NDArray[np.int64], test: float, validation: float, seed: int
) -> NDArray[np.int8]:
    """The part of each image: TRAIN, VALIDATION or TEST.

    Test and validation images are drawn from each class in proportion to its size. All images of a group go to the same
    part, also if the group has images of several classes. Each class keeps at least one training image, and gets at
    least one test image if it has at least two groups. Where both are not possible, it keeps its training image.
    Each class is drawn with the same random numbers, so that its images do not depend on the other classes, except
    for rounding and for groups with images of several classes.

    Args:
        labels: (N,), from 0.
        groups: (N,), the same number for images that belong together.
        test: test images, below 1 as a share of the images, otherwise their number. 0 for none.
        validation: validation images, as a share of the images that are not test images, or their number.
        seed: another seed draws other images.

    Returns:
        int8 (N,).

    Raises:
        ConfigError: no image would be left to train on.
        DataError: no image can be held out, because each class has one group only.
    """
    parts = np.full(len(labels), TRAIN, np.int8)
    for part, amount in ((TEST, test), (VALIDATION, validation)):
        if amount:
            _Holding(labels, groups, parts, part).hold_out(amount, seed)
    return parts


class _Holding:
    """Moves groups of images from the training images to another part, in place."""

    def __init__(
        self, labels: NDArray[np.int64], groups: NDArray[np.int64], parts: NDArray[np.int8], part: int
    ) -> None:
        self.labels, self.parts, self.part = labels, parts, part
        _, self.groups = np.unique(groups, return_inverse=True)
        self.members = np.argsort(self.groups, kind="stable")
        self.starts = np.searchsorted(self.groups[self.members], np.arange(self.groups.max(initial=-1) + 2))
        self.left = np.bincount(labels[parts == TRAIN])  # training images of each class
        self.held = np.zeros_like(self.left)  # images of each class in the other part
        self.by_class = np.argsort(labels, kind="stable")

    def hold_out(self, amount: float, seed: int) -> None:
        quotas = self._quotas(amount, seed)
        for label in np.argsort(quotas, kind="stable"):  # rare classes choose first among groups of several classes
            if self.left[label]:
                self._hold_out_of_class(int(label), int(quotas[label]), np.random.default_rng((seed, self.part)))
        if not (self.parts == self.part).any():
            raise DataError(
                f"No image can be held out for {PURPOSES[self.part]}: each class has one image only, or only near "
                f"duplicates of one picture. Add images, or set {SETTINGS[self.part]} to 0 if the source has its own "
                f"images for {PURPOSES[self.part]}."
            )

    def _quotas(self, amount: float, seed: int) -> NDArray[np.int64]:
        """How many images of each class to hold out: in proportion to its size, with the total as asked."""
        total = int(self.left.sum())
        count = max(1, round(amount * total)) if amount < 1 else int(amount)
        if count >= total:
            raise ConfigError(
                f"{SETTINGS[self.part]} must leave an image to train on, got {amount:g} with {total:,} labelled images "
                f"to choose from. Set it to 0.1, for example, or to less than {total}."
            )
        exact = count * self.left / total
        quotas = np.floor(exact).astype(np.int64)
        chance = np.random.default_rng((seed, self.part)).random(len(quotas))  # decides between equal remainders
        rounded_up = np.lexsort((chance, (quotas - exact).round(9)))[: count - quotas.sum()]
        quotas[rounded_up] += 1
        least = 1 if self.part == TEST else 0
        return np.minimum(np.maximum(quotas, least), np.maximum(self.left - 1, 0))

    def _hold_out_of_class(self, label: int, quota: int, random: np.random.Generator) -> None:
        first, after = np.searchsorted(self.labels, (label, label + 1), sorter=self.by_class)
        own = self.by_class[first:after]
        own = own[self.parts[own] == TRAIN]
        groups, firsts, sizes = np.unique(self.groups[own], return_index=True, return_counts=True)
        order = np.argsort(firsts)  # in the order of the images, whatever the numbers of the groups are
        order = random.permutation(order)
        for index in order:
            if self.held[label] >= quota:
                return
            if self.held[label] + sizes[index] <= quota:
                self._move(groups[index])
        if not self.held[label] and self.part == TEST:
            for index in order[np.argsort(sizes[order], kind="stable")]:
                if self._move(groups[index]):
                    return

    def _move(self, group: int) -> bool:
        """Move a group, unless one of its classes would have no training image."""
        members = self.members[self.starts[group] : self.starts[group + 1]]
        labels, counts = np.unique(self.labels[members], return_counts=True)
        if (self.left[labels] <= counts).any():
            return False
        self.left[labels] -= counts
        self.held[labels] += counts
        self.parts[members] = self.part
        return True
