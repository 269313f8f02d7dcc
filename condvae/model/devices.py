"""Devices by their names."""

import torch

from condvae.errors import ConfigError, unknown

DEVICES = ("auto", "cpu", "cuda", "mps")


def find_device(name: str) -> torch.device:
    """A device by its name. "auto" is the first of cuda, mps and cpu that this machine has.

    Raises:
        ConfigError: there is no such name, or this machine has no such device.
    """
    if name not in DEVICES:
        raise ConfigError(unknown("device", name, DEVICES))
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, is_there in available.items() if is_there)
    if not available[name]:
        raise ConfigError(
            f"The device '{name}' is not available on this machine. Choose another --device, such as auto."
        )
    return torch.device(name)
