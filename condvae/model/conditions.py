"""The conditions of a model: rows of numbers to condition vectors y, and names of classes to numbers.

The conditions of an image are one row of numbers: the number of a class, or the value of an attribute, for each
condition. A condition that is not given is NaN (not a number).
"""

import operator
from collections.abc import Sequence
from typing import SupportsIndex

import torch
from torch import Tensor, nn

from condvae.errors import MOST_NAMES, ConfigError, InputError, listed, unknown
from condvae.schema import Attribute, Schema

LONG = 20  # digits, more than any number of classes has


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
        variables: the D conditions. The label is the first, if it is one of them.
        classes: names of the possible labels. Empty for a model without labels.
        width: Y, the length of the condition vector. 0 for an unconditional model.
        optional: whether the model can draw without its conditions, because training hid them at random.

    Raises:
        ConfigError: a condition is not known.
    """

    def __init__(self, names: Sequence[str], schema: Schema, dropout: float = 0.0) -> None:
        super().__init__()
        known = {item.name: item for item in (Attribute("label", schema.classes), *schema.attributes)}
        for name in names:
            if name not in known:
                raise ConfigError(unknown("condition", name, known))
        self.variables = tuple(known[name] for name in names)
        self.classes = schema.classes if "label" in names else ()
        self.width = sum(len(variable.classes) or 2 for variable in self.variables)
        self.dropout = dropout

    @property
    def optional(self) -> bool:
        return self.dropout > 0

    @property
    def typical(self) -> dict[str, float | str]:
        """A typical value of each attribute: the mean of a number, or the first of several classes."""
        others = [variable for variable in self.variables if variable.name != "label"]
        return {item.name: item.classes[0] if item.classes else item.mean for item in others}

    def forward(self, given: Tensor) -> Tensor:
        """Rows (B, D), or (B,) for a single condition, to vectors (B, Y). For an unconditional model Y is 0."""
        if not self.variables:
            return torch.zeros(given.shape[0], 0, device=given.device)
        rows = given.view(given.shape[0], -1)  # an export would take len(given) for a constant
        if self.training and self.dropout:
            hidden = torch.rand(len(rows), 1, device=rows.device) < self.dropout
            if len(self.variables) > 1:
                hidden = hidden | (torch.rand(rows.shape, device=rows.device) < self.dropout)
            rows = rows.float().masked_fill(hidden, torch.nan)
        columns = zip(self.variables, rows.unbind(1), strict=True)
        return torch.cat([_vector(variable, column) for variable, column in columns], 1)

    def index(self, label: str | SupportsIndex) -> int:
        """The number of a label, given by its name or by its number from 0.

        Raises:
            InputError: there is no such label.
        """
        if not self.classes:
            raise InputError(f"Label {label!r} was given to a model without labels. Leave the label out.")
        return class_index("label", label, self.classes)


def class_index(kind: str, given: str | SupportsIndex, classes: Sequence[str]) -> int:
    """The number of a class, given by its name or by its number from 0.

    Raises:
        InputError: there is no such class.
    """
    if isinstance(given, str) and given in classes:
        return classes.index(given)
    if (
        isinstance(given, str) and given.isdecimal() and len(given) < LONG and int(given) < len(classes)
    ):  # from a command line or a file
        return int(given)
    if isinstance(given, SupportsIndex) and 0 <= operator.index(given) < len(classes):
        return operator.index(given)
    raise InputError(
        f"There is no {kind} {given!r}. Choose one of {listed(classes, MOST_NAMES)}, or a number from 0 to "
        f"{len(classes) - 1}."
    )


def _vector(variable: Attribute, column: Tensor) -> Tensor:
    if not variable.classes:
        missing = column.isnan()
        standard = (column - variable.mean) / variable.sd
        return torch.stack([standard.masked_fill(missing, 0), 1 - missing.to(standard.dtype)], 1)
    count = len(variable.classes)
    # nn.functional.one_hot would read the labels first, and so make the CPU wait for a GPU
    table = torch.eye(count + 1, count, device=column.device)
    return nn.functional.embedding(column.nan_to_num(nan=count).long(), table)
