"""Labels to the condition vector y, and names to labels and back."""

import operator
from collections.abc import Sequence
from typing import SupportsIndex

import torch
from torch import Tensor, nn

from condvae.config import Schema
from condvae.errors import ConfigError, InputError, unknown


class Conditions(nn.Module):
    """What a model is conditioned on: labels (B,) to condition vectors (B, Y).

    Attributes:
        classes: the class names to choose from; empty for an unconditional model.
        width: Y, the length of the condition vector; 0 for an unconditional model.

    Raises:
        ConfigError: a condition is not known.
    """

    def __init__(self, names: Sequence[str], schema: Schema) -> None:
        super().__init__()
        for name in names:
            if name != "label":
                raise ConfigError(unknown("condition", name, ["label"]))
        self.classes = schema.classes if names else ()
        self.width = len(self.classes)

    def forward(self, labels: Tensor) -> Tensor:
        """One-hot vectors: labels int64 (B,) to float32 (B, Y); (B, 0) for an unconditional model."""
        if not self.width:
            return torch.zeros(len(labels), 0, device=labels.device)
        # not nn.functional.one_hot, which looks at the labels first, so that a CPU has to wait
        return nn.functional.embedding(labels, torch.eye(self.width, device=labels.device))

    def index(self, label: str | SupportsIndex) -> int:
        """The label of a class by its name, or by its number from 0.

        Raises:
            InputError: there is no such class.
        """
        if isinstance(label, str) and label in self.classes:
            return self.classes.index(label)
        if isinstance(label, str) and label.isdecimal() and int(label) < self.width:  # from command line or file
            return int(label)
        if isinstance(label, SupportsIndex) and 0 <= operator.index(label) < self.width:
            return operator.index(label)
        if not self.width:
            raise InputError(f"Label {label!r} was given to a model without labels. Leave the label out.")
        raise InputError(
            f"There is no label {label!r}. Choose one of {', '.join(self.classes)}, "
            f"or a number from 0 to {self.width - 1}."
        )
