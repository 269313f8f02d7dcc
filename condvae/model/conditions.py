"""The conditions of a model: rows of numbers to condition vectors y, and names of classes to numbers.

The conditions of an image are one row of numbers: the number of a class, or the value of an attribute, for each
condition. A condition that is not given is NaN (not a number).
"""

from collections.abc import Sequence
from typing import SupportsIndex

import torch
from torch import Tensor, nn

from condvae.model.shares import for_rows
from condvae.schema import Attribute, Schema, Variables


class Conditions(nn.Module):
    """Rows of conditions (B, D) to condition vectors (B, Y).

    A class becomes a one-hot vector. A number becomes its distance from the mean in standard deviations, followed by a
    1. A condition that is not given becomes zeros.

    Args:
        names: the conditions, in their order.
        schema: the classes and attributes of the data.
        dropout: probability of hiding all conditions of an image in training. If there are several conditions, each is
            also hidden by itself with this probability.

    Attributes:
        named: what the conditions are called, and which values they can have.
        variables: the D conditions. The label is the first, if it is one of them.
        classes: names of the possible labels. Empty for a model without labels.
        width: Y, the length of the condition vector. 0 for an unconditional model.
        optional: whether the model can draw without its conditions, because training hid them at random.

    Raises:
        ConfigError: a condition is not known.
    """

    def __init__(self, names: Sequence[str], schema: Schema, dropout: float = 0.0) -> None:
        super().__init__()
        self.named = Variables(names, schema, dropout > 0)
        self.variables, self.classes, self.optional = self.named.variables, self.named.classes, self.named.optional
        self.width = sum(len(variable.classes) or 2 for variable in self.variables)
        self.dropout = dropout

    @property
    def typical(self) -> dict[str, float | str]:
        """A typical value of each attribute: the mean of a number, or the first of several classes."""
        return self.named.typical

    def forward(self, given: Tensor) -> Tensor:
        """Rows (B, D), or (B,) for a single condition, to vectors (B, Y). For an unconditional model Y is 0."""
        if not self.variables:
            return torch.zeros(given.shape[0], 0, device=given.device)
        rows = given.view(given.shape[0], -1)  # an export would take len(given) for a constant
        if self.training and self.dropout:
            hidden = for_rows(len(rows), lambda count: torch.rand(count, 1, device=rows.device)) < self.dropout
            if len(self.variables) > 1:
                each = for_rows(len(rows), lambda count: torch.rand(count, rows.shape[1], device=rows.device))
                hidden = hidden | (each < self.dropout)
            rows = rows.float().masked_fill(hidden, torch.nan)
        columns = zip(self.variables, rows.unbind(1), strict=True)
        return torch.cat([_vector(variable, column) for variable, column in columns], 1)

    def index(self, label: str | SupportsIndex) -> int:
        """The number of a label, given by its name or by its number from 0.

        Raises:
            InputError: there is no such label.
        """
        return self.named.index(label)


def _vector(variable: Attribute, column: Tensor) -> Tensor:
    if not variable.classes:
        missing = column.isnan()
        standard = (column - variable.mean) / variable.sd
        return torch.stack([standard.masked_fill(missing, 0), 1 - missing.to(standard.dtype)], 1)
    count = len(variable.classes)
    # nn.functional.one_hot would read the labels first, and so make the CPU wait for a GPU
    table = torch.eye(count + 1, count, device=column.device)
    return nn.functional.embedding(column.nan_to_num(nan=count).long(), table)
