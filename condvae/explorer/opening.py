"""Opens a model in the explorer: a run, or a file that was exported."""

from pathlib import Path

from condvae.config import DEVICES
from condvae.errors import InputError
from condvae.explorer.session import Session
from condvae.inference.loading import is_exported, load_exported
from condvae.run import Run


def opened(name: str, device: str, max_images: int) -> Session:
    """Open a model.

    Args:
        name: a run folder, an address on the Hub, "pretrained", or a file ending in .onnx.
        device: where a run computes, one of DEVICES.
        max_images: the largest number of images in one answer.

    Raises:
        InputError: an exported model is to compute on a device.
        MissingExtraError: what the file needs is not installed.
        RunError: there is no such model, or it is damaged.
    """
    if is_exported(name):
        from condvae.explorer.file_session import FileSession

        if device != DEVICES[0]:
            raise InputError(f"An exported model computes on the CPU, and not on '{device}'. Leave --device out.")
        return FileSession(load_exported(Path(name)), name, max_images)
    import torch

    from condvae.evaluation.study import Study
    from condvae.explorer.run_session import RunSession
    from condvae.model.devices import find_device

    torch.set_num_threads(1)  # one image is too small to share, and waiting for other threads would take longer
    return RunSession(Study(name, device=find_device(device)), name, max_images)


def require_model(name: str, device: str) -> None:
    """Make sure that there is a model, without loading a run.

    Raises:
        ConfigError, InputError, MissingExtraError, RunError: as in `opened`.
    """
    if is_exported(name):
        opened(name, device, 1)
    else:
        from condvae.model.devices import find_device

        Run.find(name).describe()
        find_device(device)
