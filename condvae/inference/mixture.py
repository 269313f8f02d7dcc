"""Ex-post density: mixtures of Gaussians fitted to a trained model's codes, to draw z from. The home of their file."""

import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from condvae.errors import RunError
from condvae.files import sha256, write_bytes
from condvae.model.priors import MixturePrior
from condvae.run import Run

COMPONENTS = 10


OUTLIERS = 0.1


ENOUGH = 10  # codes for each Gaussian, without more of which none is left out


FITTED = (
    f"{COMPONENTS} Gaussians a class, fitted to its training codes without the {OUTLIERS:.0%} least probable"
    f" (of {ENOUGH * COMPONENTS} or fewer: to all)"
)


def fit_mixture(
    codes: Tensor, labels: Tensor, classes: int, components: int = COMPONENTS, outliers: float = OUTLIERS
) -> MixturePrior:
    """A mixture of Gaussians for the codes of each class, and one for all of them, by expectation maximisation.

    It is fitted twice: the second time without the codes that the first finds least probable, because between the codes
    of a class lies what the model was not trained to draw.

    Args:
        codes: posterior means, (N, Z).
        labels: int64 (N,).
        classes: how many there are; one without images gets N(0, I).
        components: Gaussians of each mixture, with full covariances; fewer for a class with fewer images.
        outliers: the share of codes of each class that is left out the second time; if it is 0, or there are no
            more than ENOUGH codes for a component, it is fitted once, to all.
    """
    points, known = codes.double().numpy(), labels.numpy()
    groups = [*(points[known == label] for label in range(classes)), points]
    tables = zip(*(_fitted(group, components, outliers) for group in groups), strict=True)
    return MixturePrior(*(torch.from_numpy(np.stack(table)).float() for table in tables))


def save_mixture(run: Run, mixture: MixturePrior) -> None:
    """Write a mixture into the folder of the run whose codes it was fitted to."""
    tables = {name: table.contiguous() for name, table in mixture.state_dict().items()}
    write_bytes(run.mixture, save(tables, {"weights": sha256(run.weights), "fitted": FITTED}))


def load_mixture(path: Path | str) -> MixturePrior:
    """The mixture of a run folder, to draw z from: `condvae.generate(model, "3", prior=condvae.load_mixture(path))`.

    Args:
        path: the folder of a run that was evaluated.

    Raises:
        RunError: there is none, it is damaged, belongs to other weights than those of the run, or was fitted in another
            way than now.
    """
    run = Run(Path(path))
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
    if fitted != FITTED:
        raise RunError(f"{run.mixture} was fitted by another version of condvae: {fitted}. {again}")
    return MixturePrior(*tables)


def _fitted(points: NDArray[np.float64], components: int, outliers: float) -> tuple[NDArray[np.float64], ...]:
    """Weights (M,), means (M, Z) and Cholesky factors (M, Z, Z) of a mixture; unused components have the weight 0."""
    from sklearn.exceptions import ConvergenceWarning
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
    points = points if len(points) > 1 else points.repeat(2, 0)  # one point alone would be refused
    used = min(components, len(points))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # of codes that coincide, or after 100 steps
        found = GaussianMixture(used, random_state=0).fit(points)
        if outliers and len(points) > ENOUGH * used:
            density = found.score_samples(points)
            found = found.fit(points[density >= np.quantile(density, outliers)])
    weights[:used], means[:used] = found.weights_, found.means_
    scales[:used] = np.linalg.cholesky(found.covariances_)
    return weights, means, scales
