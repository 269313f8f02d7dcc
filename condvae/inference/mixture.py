"""The ex-post mixture: Gaussians fitted to the codes of a trained model, to draw latent vectors from.

Ghosh et al., "From Variational to Deterministic Autoencoders", https://arxiv.org/abs/1903.12436. From few codes no
covariances can be estimated. Vectors are then drawn between two codes that are near each other: Dablain et al.,
"DeepSMOTE", https://arxiv.org/abs/2105.02340
"""

import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from condvae.errors import RunError, require_extra
from condvae.model.priors import MixturePrior
from condvae.run import Run
from condvae.seeds import shuffled
from condvae.storage.files import sha256, write_bytes

Points = NDArray[np.float64]
Fit = tuple[Points, Points, Points]  # weights (M,), means (M, Z) and Cholesky factors (M, Z, Z) of a mixture

COMPONENTS = 10
OUTLIERS = 0.1
ENOUGH = 10  # codes for each Gaussian; a class with fewer is fitted once, to all of its codes
FEW = 2  # codes for each Gaussian and latent dimension; a class with fewer gets Gaussians between its codes
BETWEEN, NEIGHBOURS = 100, 5  # Gaussians between two codes, and the nearest codes that the second one is drawn from
MOST = 20_000  # codes that a mixture is fitted to; of more of them, as many are chosen at random
VARIANCE = 1e-6  # the smallest one, as in scikit-learn
THICKNESS = 0.1  # standard deviation across the line between the two codes, divided by that along the line
FITTED = (
    f"mixture of {COMPONENTS} Gaussians for each class, fitted to its training codes without the {OUTLIERS:.0%} least "
    f"probable (to all of them if there are at most {ENOUGH * COMPONENTS}), or of {BETWEEN} Gaussians between "
    f"neighbouring codes if there are fewer than {FEW * COMPONENTS} codes for each latent dimension"
)
# This is written into the files. Its words must not change, so that files of older versions can be read.
TAG = (
    f"{COMPONENTS} Gaussians a class, fitted to its training codes without the {OUTLIERS:.0%} least probable"
    f" (of {ENOUGH * COMPONENTS} or fewer: to all)"
)


def fit_mixture(
    codes: Tensor, labels: Tensor, classes: int, components: int = COMPONENTS, outliers: float = OUTLIERS
) -> MixturePrior:
    """Fit a mixture of Gaussians to the codes of each class, and one to all codes, by expectation maximisation.

    Each is fitted twice, to at most MOST codes. The second time leaves out the codes that are least probable under the
    first, because the model was not trained to draw images between the codes of a class. A class with fewer than FEW
    codes for each Gaussian and latent dimension gets BETWEEN Gaussians instead, each along the line between two
    neighbouring codes.

    Args:
        codes: posterior means, (N, Z).
        labels: int64 (N,).
        classes: the number of classes. A class without images gets N(0, I).
        components: the number of Gaussians of each mixture, with full covariances. A class with fewer images has fewer.
        outliers: the share of codes of each class that is left out the second time. If it is 0, or there are at most
            ENOUGH codes for each component, the mixture is fitted once, to all codes.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    require_extra("report", "Fitting a mixture")
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    points, known = codes.double().numpy(), labels.numpy()
    groups = [*(points[known == label] for label in range(classes)), points]
    few = FEW * components * points.shape[1] if components > 1 else 0

    def fit(group: Points) -> Fit:
        return _between(group) if 1 < len(group) < few else _fitted(group, components, outliers)

    # Products of such small matrices take three times as long with several threads, so that each thread has a class of
    # its own. The largest set of codes, which is the last one, is begun first.
    with warnings.catch_warnings(), ThreadPoolExecutor(torch.get_num_threads()) as pool, threadpool_limits(1):
        warnings.simplefilter("ignore", ConvergenceWarning)  # codes that coincide, or 100 iterations
        fits = list(pool.map(fit, reversed(groups)))[::-1]
    width = max(len(weights) for weights, _, _ in fits)
    tables = zip(*(_padded(one, width) for one in fits), strict=True)
    return MixturePrior(*(torch.from_numpy(np.stack(table)).float() for table in tables))


def save_mixture(run: Run, mixture: MixturePrior) -> None:
    """Write a mixture into the folder of the run that it was fitted to."""
    tables = {name: table.contiguous() for name, table in mixture.state_dict().items()}
    write_bytes(run.mixture, save(tables, {"weights": sha256(run.weights), "fitted": TAG}))


def load_mixture(path: Path | str) -> MixturePrior:
    """Load the mixture of a run, to draw latent vectors from.

        condvae.generate(model, "3", prior=condvae.load_mixture(path))

    Args:
        path: the folder of a run that was evaluated, or "pretrained".

    Raises:
        RunError: the run has no mixture, or the mixture is damaged, of other weights, or fitted by another version.
    """
    run = Run.find(path)
    run.describe()
    again = f"Fit it with 'condvae evaluate {path} --only codes'."
    if not run.mixture.is_file():
        raise RunError(f"{path} has no mixture fitted to its codes. {again}")
    try:
        with safe_open(run.mixture, "pt") as file:
            about, tables = file.metadata(), [file.get_tensor(name) for name in MixturePrior.tables]
            weights, fitted = about["weights"], about.get("fitted", "in an unknown way")
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise RunError(f"{run.mixture} cannot be read ({error}). {again}") from error
    if weights != sha256(run.weights):
        raise RunError(f"{run.mixture} was fitted to other weights than those of {path} now. {again}")
    if fitted != TAG:
        raise RunError(f"{run.mixture} was fitted by another version of condvae: {fitted}. {again}")
    return MixturePrior(*tables)


def mixture_if_any(run: Run) -> MixturePrior | None:
    """The mixture of a run. None if it has none.

    Raises:
        RunError: as `load_mixture`.
    """
    return load_mixture(run.path) if run.mixture.is_file() else None


def _fitted(points: Points, components: int, outliers: float) -> Fit:
    """Gaussians fitted to all codes of a class, (N, Z). Unused components have the weight 0."""
    from sklearn.mixture import GaussianMixture

    latent = points.shape[1]
    weights, means, scales = (
        np.zeros(components),
        np.zeros((components, latent)),
        np.tile(np.eye(latent), (components, 1, 1)),
    )
    if not len(points):
        weights[0] = 1
        return weights, means, scales
    points = points if len(points) > 1 else points.repeat(2, 0)  # scikit-learn refuses a single point
    points = points[shuffled(len(points))[:MOST].numpy()] if len(points) > MOST else points
    used = min(components, len(points))
    found = GaussianMixture(used, random_state=0).fit(points)
    if outliers and len(points) > ENOUGH * used:
        density = found.score_samples(points)
        found = found.set_params(warm_start=True).fit(points[density >= np.quantile(density, outliers)])
    weights[:used], means[:used] = found.weights_, found.means_
    scales[:used] = np.linalg.cholesky(found.covariances_)
    return weights, means, scales


def _between(points: Points) -> Fit:
    """Gaussians along the lines from codes (N, Z), drawn at random, to one of their nearest neighbours."""
    from sklearn.neighbors import NearestNeighbors

    generator, latent = np.random.default_rng(0), points.shape[1]
    first = points[np.resize(generator.permutation(len(points)), BETWEEN)]
    near = NearestNeighbors(n_neighbors=min(NEIGHBOURS + 1, len(points))).fit(points)
    neighbours = near.kneighbors(first, return_distance=False)  # the first one is the code itself
    second = points[neighbours[np.arange(BETWEEN), generator.integers(1, neighbours.shape[1], BETWEEN)]]
    line = (second - first)[:, :, None] / np.sqrt(12)  # as the standard deviation of a uniform distribution
    across = THICKNESS**2 * np.square(line).sum((1, 2)) + VARIANCE
    covariances = line @ line.transpose(0, 2, 1) + across[:, None, None] * np.eye(latent)
    return np.full(BETWEEN, 1 / BETWEEN), (first + second) / 2, np.linalg.cholesky(covariances)


def _padded(fit: Fit, width: int) -> Fit:
    """A mixture with `width` components, of which the further ones have the weight 0."""
    weights, means, scales = fit
    more, latent = width - len(weights), means.shape[1]
    return (
        np.pad(weights, (0, more)),
        np.pad(means, ((0, more), (0, 0))),
        np.concatenate([scales, np.tile(np.eye(latent), (more, 1, 1))]),
    )
