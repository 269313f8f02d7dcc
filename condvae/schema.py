"""What a model must know of its data: the shape of the images, the classes, and the attributes."""

from dataclasses import dataclass


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
