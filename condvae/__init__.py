"""Conditional variational autoencoders for labelled images: any label, in any style.

    import condvae

    model = condvae.load("pretrained")
    threes = condvae.generate(model, "3", count=16, seed=0)

Names are imported when they are first used, so that `import condvae` takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from condvae.config import Config as Config
    from condvae.config import DataConfig as DataConfig
    from condvae.config import ModelConfig as ModelConfig
    from condvae.config import TrainingConfig as TrainingConfig
    from condvae.data.dataset import Dataset as Dataset
    from condvae.data.labelled import LabelledImages as LabelledImages
    from condvae.data.labelled import Values as Values
    from condvae.data.sources import load_data as load_data
    from condvae.errors import CondvaeError as CondvaeError
    from condvae.evaluation.distances import nearest as nearest
    from condvae.evaluation.evaluate import Evaluation as Evaluation
    from condvae.evaluation.study import Study as Study
    from condvae.explorer.latent_map import LatentMap as LatentMap
    from condvae.explorer.notebook import explore as explore
    from condvae.inference.loading import load as load
    from condvae.inference.mixture import load_mixture as load_mixture
    from condvae.inference.operations import encode as encode
    from condvae.inference.operations import generate as generate
    from condvae.inference.operations import interpolate as interpolate
    from condvae.inference.operations import reconstruct as reconstruct
    from condvae.inference.operations import restyle as restyle
    from condvae.inference.sheet import show as show
    from condvae.model.cvae import CVAE as CVAE
    from condvae.recipe import load_recipe as load_recipe
    from condvae.report.plots import grids as grids
    from condvae.report.plots import save_figure as save_figure
    from condvae.report.plots import tiles as tiles
    from condvae.training.fit import fit as fit
    from condvae.training.fit import resume as resume

_HOMES = {
    "CVAE": "model.cvae",
    "CondvaeError": "errors",
    "Config": "config",
    "DataConfig": "config",
    "Dataset": "data.dataset",
    "Evaluation": "evaluation.evaluate",
    "LabelledImages": "data.labelled",
    "LatentMap": "explorer.latent_map",
    "ModelConfig": "config",
    "Study": "evaluation.study",
    "TrainingConfig": "config",
    "Values": "data.labelled",
    "encode": "inference.operations",
    "explore": "explorer.notebook",
    "fit": "training.fit",
    "generate": "inference.operations",
    "grids": "report.plots",
    "interpolate": "inference.operations",
    "load": "inference.loading",
    "load_data": "data.sources",
    "load_mixture": "inference.mixture",
    "load_recipe": "recipe",
    "nearest": "evaluation.distances",
    "reconstruct": "inference.operations",
    "restyle": "inference.operations",
    "resume": "training.fit",
    "save_figure": "report.plots",
    "show": "inference.sheet",
    "tiles": "report.plots",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'condvae' has no attribute {name!r}")
    return getattr(import_module(f"condvae.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
