"""TODO."""

from dataclasses import dataclass

from condvae.config import SOURCES, _require
from condvae.errors import ConfigError, unknown


@dataclass(frozen=True)
class Choices:
    """What of the evaluation's protocol can be chosen.

    Attributes:
        samples: importance samples for each image.
        images: test images for the importance samples, class-balanced; all if None.
        source: where z is from in the parts score, obedience and memorisation, one of SOURCES; generation and accuracy
            have each.

    Raises:
        ConfigError: a choice is not possible.
    """

    samples: int = 500
    images: int | None = 1000
    source: str = "prior"

    def __post_init__(self) -> None:
        for name, value in (("--is-samples", self.samples), ("--images", self.images)):
            _require(value is None or value >= 1, name, value, "1 or more")
        if self.source not in SOURCES:
            raise ConfigError(unknown("source of z", self.source, SOURCES))
