"""What a model must know of its data: the shape of the images, the classes, and the attributes."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import SupportsIndex

from condvae.errors import MOST_NAMES, ConfigError, InputError, listed, unknown

LONG = 20  # digits, more than any number of classes has


@dataclass(frozen=True)
class Attribute:
    """A property that each image has beside its label: one of several classes, or a number.

    Attributes:
        name: the name of the attribute.
        classes: the names of its classes. Empty for a number.
        mean: mean over the training images, of a number.
        sd: standard deviation over the training images.
        low: 1st percentile over the training images.
        high: 99th percentile over the training images.
    """

    name: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    sd: float = 1.0
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class Schema:
    """What a model must know of its data.

    Attributes:
        shape: (C, H, W) of one image.
        classes: the name of each class, in the order of the labels.
        attributes: the properties that each image has beside its label.
    """

    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    attributes: tuple[Attribute, ...] = ()


class Variables:
    """The conditions of a model: what they are called, and which values they can have.

    Args:
        names: the conditions, in their order.
        schema: the classes and attributes of the data.
        optional: whether the model can draw without its conditions, because training hid them at random.

    Attributes:
        variables: the D conditions. The label is the first, if it is one of them.
        classes: names of the possible labels. Empty for a model without labels.

    Raises:
        ConfigError: a condition is not known.
    """

    def __init__(self, names: Sequence[str], schema: Schema, optional: bool) -> None:
        known = {item.name: item for item in (Attribute("label", schema.classes), *schema.attributes)}
        for name in names:
            if name not in known:
                raise ConfigError(unknown("condition", name, known))
        self.variables = tuple(known[name] for name in names)
        self.classes = schema.classes if "label" in names else ()
        self.optional = optional

    @property
    def typical(self) -> dict[str, float | str]:
        """A typical value of each attribute: the mean of a number, or the first of several classes."""
        others = [variable for variable in self.variables if variable.name != "label"]
        return {item.name: item.classes[0] if item.classes else item.mean for item in others}

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
