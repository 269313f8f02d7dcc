"""The batches of training: images and conditions on the device that trains."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condvae.data.dataset import LabelledImages


class Batches(TorchDataset[tuple[Tensor, Tensor]]):
    """Images and conditions by their positions. All of them are kept on the device, the images as uint8.

    Args:
        part: the images.
        conditions: the conditions to give with each image, "label" or names of attributes.
        device: the device that trains.
    """

    def __init__(self, part: LabelledImages, conditions: Sequence[str], device: torch.device) -> None:
        self.images = torch.from_numpy(part.images).to(device)
        self.rows = torch.from_numpy(part.rows(conditions)).to(device)

    @property
    def device(self) -> torch.device:
        """The device of the images, on which positions must be."""
        return self.images.device

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Images uint8 (B, C, H, W) and conditions (B, D) at positions (B,)."""
        return self.images[positions], self.rows[positions]
