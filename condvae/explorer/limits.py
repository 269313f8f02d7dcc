"""The limits of the explorer: what its views show and what a request may ask for. The page asks the server for them."""

from dataclasses import dataclass

GRIDS = ("figure", "grid", "draws")  # of latent vectors at which labels are compared


@dataclass(frozen=True)
class Limits:
    """Sizes that several parts of the explorer must agree on.

    Attributes:
        extent: latent vectors on maps and sliders go from -extent to extent in each dimension.
        points: the largest number of codes on a map.
        side: points of a heat map on each axis.
        max_side: the largest number of points that a request for a heat map may ask for on each axis.
        line_steps: steps from one end of a line in the latent space to the other.
        max_steps: the largest number of steps of an animation from one stop to the next.
        max_rate: the largest number of images per second of an animation.
        neighbours: nearest training images that are shown.
        max_neighbours: the largest number of nearest training images that a request may ask for.
        max_seed: the largest seed.
        max_value: the largest absolute value of a latent coordinate or an attribute.
        max_name: the largest number of characters of a name.
        figure_frames: images of an animation in its figure.
    """

    extent: float = 4.0
    points: int = 5000
    side: int = 31
    max_side: int = 64
    line_steps: int = 8
    max_steps: int = 120
    max_rate: int = 50
    neighbours: int = 8
    max_neighbours: int = 50
    max_seed: int = 2**32 - 1
    max_value: float = 1e6
    max_name: int = 200
    figure_frames: int = 10


LIMITS = Limits()
