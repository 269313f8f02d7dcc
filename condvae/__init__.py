"""Conditional variational autoencoders for labelled images: any label, in any style.

    import condvae

    model = condvae.load("runs/paper")
    threes = condvae.generate(model, "3", count=16, seed=0)

Names are imported when they are first used, so that `import condvae` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from condvae.checkpoint import PRETRAINED as PRETRAINED
    from condvae.checkpoint import load as load
    from condvae.config import Config as Config
    from condvae.config import ModelConfig as ModelConfig
    from condvae.config import TrainingConfig as TrainingConfig
    from condvae.config import load_recipe as load_recipe
    from condvae.data import Dataset as Dataset
    from condvae.data import LabelledImages as LabelledImages
    from condvae.data import Values as Values
    from condvae.data import load_data as load_data
    from condvae.density import load_mixture as load_mixture
    from condvae.errors import CondvaeError as CondvaeError
    from condvae.evaluate import Evaluation as Evaluation
    from condvae.model import CVAE as CVAE
    from condvae.sampling import encode as encode
    from condvae.sampling import generate as generate
    from condvae.sampling import interpolate as interpolate
    from condvae.sampling import reconstruct as reconstruct
    from condvae.sampling import restyle as restyle
    from condvae.study import Study as Study
    from condvae.training import fit as fit
    from condvae.training import resume as resume

_HOMES = {
    "CVAE": "model",
    "CondvaeError": "errors",
    "Config": "config",
    "Dataset": "data",
    "Evaluation": "evaluate",
    "LabelledImages": "data",
    "ModelConfig": "config",
    "PRETRAINED": "checkpoint",
    "Study": "study",
    "TrainingConfig": "config",
    "Values": "data",
    "encode": "sampling",
    "fit": "training",
    "generate": "sampling",
    "interpolate": "sampling",
    "load": "checkpoint",
    "load_data": "data",
    "load_mixture": "density",
    "load_recipe": "config",
    "reconstruct": "sampling",
    "restyle": "sampling",
    "resume": "training",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'condvae' has no attribute {name!r}")
    return getattr(import_module(f"condvae.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*globals(), *_HOMES]
