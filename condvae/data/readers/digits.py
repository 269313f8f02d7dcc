"""The handwritten digits that scikit-learn brings along: 1,797 grey images of 8 x 8. They need no network."""

import numpy as np

from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.data.readers.fetching import refuse_argument
from condvae.data.split import TEST, split
from condvae.errors import require_extra

WHITE = 16  # the largest value of scikit-learn's images
TEST_SHARE = 0.2


def load(argument: str) -> Dataset:
    """The digits, one fifth of each class as test images. These are always the same ones.

    Raises:
        ConfigError: there is an argument.
        MissingExtraError: scikit-learn is not installed.
    """
    refuse_argument("digits", argument)
    require_extra("report", "The data source 'digits'")
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = (digits.images * (255 / WHITE)).round().astype(np.uint8)[:, np.newaxis]
    labels = digits.target.astype(np.int64)
    classes = tuple(str(name) for name in digits.target_names)
    testing = split(labels, np.arange(len(labels)), TEST_SHARE, 0, seed=0) == TEST
    return Dataset(
        "digits",
        LabelledImages(images[~testing], labels[~testing], classes),
        LabelledImages(images[testing], labels[testing], classes),
    )
