"""How pictures become images of one size and mode: what follows from the settings, and what from the pictures."""

import warnings
from math import log

from condvae.config import DataConfig
from condvae.data.listing import Pictures
from condvae.data.packing.decoding import Found, Plan
from condvae.data.pictures import eight_bit, has_no_colour, open_errors

LONGEST, SHORTEST, MULTIPLE = 64, 8, 4  # sides of images whose size follows from the pictures, in pixels
AGREEING, TOLERANCE = 0.9, 1.1  # share of the pictures that agree on an aspect ratio, and how well they agree
SQUARE = (LONGEST, LONGEST)
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

    If all pictures have one size, and its longest side is at most 64 pixels, it is this size. Otherwise the longest
    side is 64. The shorter side follows from the median aspect ratio, if 90% of the pictures agree with it within 10%.
    Otherwise images are square.
    """
    if len(found.sizes) == 1:
        (own,) = found.sizes
        if max(own) <= LONGEST:
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
    shorter = round(LONGEST * min(middle, 1 / middle) / MULTIPLE) * MULTIPLE
    sides = (LONGEST, max(SHORTEST, shorter))
    return sides if middle < 1 else (sides[1], sides[0])


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
