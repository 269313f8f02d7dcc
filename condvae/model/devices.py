"""Devices by their names, and what they can compute."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from condvae.config import DEVICES
from condvae.errors import ConfigError, unknown


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


def has_bf16(kind: str) -> bool:
    """Whether a kind of device has instructions for matrix products in bfloat16. Emulating them would be slow."""
    if kind == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # older versions of PyTorch do not know the processor
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)() if kind == "cpu" else {}
    return any(known.get(name) for name in ("avx512_bf16", "amx_bf16"))


def fast_products(device: torch.device) -> AbstractContextManager[Any]:
    """Inside, matrix products and convolutions are computed in bfloat16 if the device has instructions for it."""
    return torch.autocast(device.type, torch.bfloat16) if has_bf16(device.type) else nullcontext()
