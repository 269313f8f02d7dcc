"""How pictures become images of one size and mode: what follows from the settings, and what from the pictures."""

import warnings
from collections import Counter
from math import log

from condvae.config import DataConfig
from condvae.data.listing import Pictures
from condvae.data.packing.decoding import Found, Plan
from condvae.data.pictures import eight_bit, has_no_colour, open_errors

LONGEST, SHORTEST, MULTIPLE = 64, 8, 4  # sides of images whose size follows from the pictures, in pixels
MOST = LONGEST**2  # pixels of such images
AGREEING, TOLERANCE = 0.9, 1.1  # share of the pictures that agree on an aspect ratio, and how well they agree
SQUARE = (LONGEST, LONGEST)
LEAST = 0.5  # share of a picture that should be left when it is cropped
SAMPLE = 16  # pictures that are looked at before all are decoded


def planned(found: Found, options: DataConfig) -> Plan:
    """How pictures are decoded, by what was found in them."""
    height, width = options.image_size or size_for(found)
    all_grey = options.color_mode == "auto" and not found.coloured
    channels = 1 if all_grey or options.color_mode == "grayscale" else 3
    all_alike = not options.image_size and list(found.sizes) == [(height, width)]
    return Plan(channels, height, width, options.resize, all_grey, all_alike)


def size_for(found: Found) -> tuple[int, int]:
    """Height and width of the images, by the sizes of the pictures.

    If all pictures have one size, and it has at most 64 x 64 pixels, it is this size. Otherwise the longest side is 64.
    The shorter side follows from the median aspect ratio, if 90% of the pictures agree with it within 10%. If it would
    be shorter than 8, it is 8, and the longest side follows, up to 512. If too few agree, images are square.
    """
    if len(found.sizes) == 1:
        (own,) = found.sizes
        if own[0] * own[1] <= MOST:
            return own
    ratios = sorted((width / height, count) for (height, width), count in found.sizes.items())
    total, middle, passed = found.sizes.total(), 1.0, 0
    for ratio, count in ratios:
        if passed <= total // 2:
            middle = ratio
        passed += count
    agreeing = sum(count for ratio, count in ratios if abs(log(ratio / middle)) <= log(TOLERANCE))
    if agreeing < AGREEING * total or not total:
        return SQUARE
    aspect = max(middle, 1 / middle)
    longer, shorter = LONGEST, _multiple(LONGEST / aspect)
    if shorter < SHORTEST:
        longer, shorter = min(_multiple(SHORTEST * aspect), MOST // SHORTEST), SHORTEST
    return (longer, shorter) if middle < 1 else (shorter, longer)


def cropped(found: Found, plan: Plan) -> Counter[tuple[int, int]]:
    """The number of pictures of each height and width of which cropping leaves less than half."""
    if plan.resize != "crop":
        return Counter()
    wanted = plan.width / plan.height
    shares = {(height, width): width / height / wanted for height, width in found.sizes}
    return Counter({size: found.sizes[size] for size, share in shares.items() if min(share, 1 / share) < LEAST})


def sampled(pictures: Pictures, options: DataConfig) -> Found:
    """What is found in a few of the pictures. Their sizes are read from their headers."""
    found, count = Found(), len(pictures)
    looks_for_colour = options.color_mode == "auto"
    for position in sorted({number * (count - 1) // (SAMPLE - 1) for number in range(SAMPLE)}):
        try:
            with warnings.catch_warnings(), pictures.open(position) as picture:
                warnings.simplefilter("ignore")
                own = picture.height, picture.width
                if looks_for_colour and not found.coloured:
                    decoded, own = eight_bit(picture)
                    found.coloured = not has_no_colour(decoded)
        except open_errors:
            continue
        found.sizes[own] += 1
    return found


def _multiple(side: float) -> int:
    return round(side / MULTIPLE) * MULTIPLE
