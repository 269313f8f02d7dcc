"""The batches of training: images and conditions on the device that trains, or on their way to it."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from condvae.data.labelled import Images, LabelledImages
from condvae.data.packing.packed import PackedImages

CPU = torch.device("cpu")


class Batches(TorchDataset[tuple[Tensor, Tensor]]):
    """Images and conditions by their positions, the images as uint8.

    Images in memory are kept on the device. Images in a file are read batch by batch, into the memory of the CPU.

    Args:
        part: the images.
        conditions: the conditions to give with each image, "label" or names of attributes.
        device: the device that trains.
        unlabelled: further images, whose conditions are all hidden. They have the last positions.
    """

    def __init__(
        self, part: LabelledImages, conditions: Sequence[str], device: torch.device, unlabelled: Images | None = None
    ) -> None:
        images, rows = part.images, torch.from_numpy(part.rows(conditions))
        if unlabelled is not None:
            images = _joined(images, unlabelled)
            rows = torch.cat([rows, torch.full((len(unlabelled), rows.shape[1]), torch.nan)])
        self.in_file = isinstance(images, PackedImages)
        self.device = CPU if self.in_file else device
        self.images = images if isinstance(images, PackedImages) else torch.from_numpy(images).to(device)
        self.rows = rows.to(self.device)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Images uint8 (B, C, H, W) and conditions (B, D) at positions (B,), which must be on `device`."""
        if isinstance(self.images, PackedImages):
            return torch.from_numpy(self.images[positions.numpy()]), self.rows[positions]
        return self.images[positions], self.rows[positions]


def _joined(images: Images, others: Images) -> Images:
    if isinstance(images, PackedImages) and isinstance(others, PackedImages):
        return images.joined(others)
    return np.concatenate([images[:], others[:]])
