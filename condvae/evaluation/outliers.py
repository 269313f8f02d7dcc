"""Images that are improbable under every label, by several statistics together.

The likelihood alone does not find them. A model of Fashion-MNIST finds the digits of MNIST more probable than its own
test images (Nalisnick et al. 2019, https://arxiv.org/abs/1810.09136), because simple images are probable under most
models (Serra et al. 2020, https://arxiv.org/abs/1909.11480). An image is therefore compared with images of the same
complexity: what counts is whether its likelihood, the error of its reconstruction and its size as a PNG file are usual
together. Morningstar et al. 2021, "Density of States Estimation for Out-of-Distribution Detection",
https://arxiv.org/abs/2006.09273
"""

import numpy as np
from numpy.typing import NDArray

from condvae.data.labelled import READ, LabelledImages
from condvae.evaluation.suspects import Judgement
from condvae.images import png
from condvae.progress import progress

UNUSUAL = 6  # standard deviations beyond which no label fits an image
MAIN = 0.95  # share of the images that mean and covariance are taken from
MOST_ROUNDS = 50
TINY = 1e-6
Floats = NDArray[np.float64]


def outlier_scores(part: LabelledImages, judgement: Judgement) -> Floats:
    """How unusual each image is: its robust distance from the other images, in standard deviations, (N,).

    The statistics are -log p(x), the logarithm of the squared error of the reconstruction, and the logarithm of the
    size of the PNG file.
    """
    error = judgement.error.double().numpy()
    statistics = [-judgement.log_p.double().numpy(), np.log(error + TINY), np.log(png_sizes(part))]
    return robust_distances(np.stack(statistics, 1))


def png_sizes(part: LabelledImages) -> Floats:
    """The bytes of each image as a PNG file, with its channels one below the other: (N,)."""
    sizes: list[int] = []
    with progress("Measuring the complexity of images", len(part)) as advance:
        for batch in part.batches(READ):
            sizes += [len(png(image.reshape(1, -1, image.shape[-1]))) for image in batch.pixels()]
            advance(len(batch))
    return np.array(sizes, np.float64)


def robust_distances(values: Floats) -> Floats:
    """The Mahalanobis distance of each row from the main part of the rows: (N, D) to (N,).

    Mean and covariance are those of the rows with the smallest distances, a share MAIN of them. They are found by the
    concentration steps of Rousseeuw and Van Driessen, "A Fast Algorithm for the Minimum Covariance Determinant
    Estimator", 1999, https://doi.org/10.1080/00401706.1999.10485670, which begin with medians and median deviations.
    Distances are scaled so that their median is that of a Gaussian.
    """
    count, width = values.shape
    centred = values - np.median(values, 0)
    scale = np.median(np.abs(centred), 0)
    centred /= np.where(scale > TINY, scale, 1)
    squared, main = (centred**2).sum(1), max(1, int(MAIN * count))
    before = np.empty(0, np.int64)
    for _ in range(MOST_ROUNDS):
        chosen = np.sort(np.argsort(squared, kind="stable")[:main])
        if np.array_equal(chosen, before):
            break
        before, deviations = chosen, centred - centred[chosen].mean(0)
        covariance = deviations[chosen].T @ deviations[chosen] / main + TINY * np.eye(width)
        squared = np.einsum("ni,ij,nj->n", deviations, np.linalg.inv(covariance), deviations)
    usual = width * (1 - 2 / (9 * width)) ** 3  # the median of chi-square, by Wilson and Hilferty
    return np.sqrt(squared * usual / max(float(np.median(squared)), TINY))
