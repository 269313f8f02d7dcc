"""Loading a model from wherever it is."""

from pathlib import Path
from typing import TYPE_CHECKING

from condvae.errors import require_extra
from condvae.hub import is_address

if TYPE_CHECKING:
    from condvae.inference.exported import ExportedModel
    from condvae.model.cvae import CVAE

EXPORTED = ".onnx"


def load(path: Path | str) -> "CVAE | ExportedModel":
    """Load a model.

    A model from a run is in evaluation mode, on the CPU. `model.to(device)` moves it. A model from an ONNX file needs
    no PyTorch. Its methods have the names of condvae's functions: `model.generate("3")`.

    Args:
        path: a run folder; "pretrained" for the model that ships with the package; hf://USER/NAME or
            hf://USER/NAME@REVISION for a model on the Hugging Face Hub; or a file ending in .onnx that `condvae export`
            wrote.

    Raises:
        ConfigError: the address on the Hub has another form.
        MissingExtraError: what the file or the address needs is not installed.
        RunError: there is no model, the run is unfinished or of a newer format, or the weights do not belong to it.
    """
    if is_exported(path):
        return load_exported(Path(path))
    from condvae.model.saving import load as load_run

    return load_run(path)


def is_exported(path: Path | str) -> bool:
    """Whether a path is that of an exported model: a file ending in .onnx."""
    return str(path).endswith(EXPORTED) and not is_address(str(path))


def load_exported(path: Path) -> "ExportedModel":
    """Load a model from an ONNX file.

    Raises:
        MissingExtraError: the extra `onnx` is not installed.
        RunError: there is no such file, or condvae did not export it.
    """
    require_extra("onnx", f"Loading {path}")
    from condvae.inference.exported import ExportedModel

    return ExportedModel(path)
