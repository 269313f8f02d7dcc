"""data fetch and data info: data sets."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from condvae.cli.options import Command, add_out

SHOWN = 10  # images of each class on the contact sheet


def _fetch_options(parser: ArgumentParser) -> None:
    from condvae.data.sources import source_help

    parser.add_argument("source", metavar="SOURCE", help=source_help())


def fetch(arguments: Namespace) -> None:
    """Fetch a data set into the cache, so that training needs no network.

    Example: condvae data fetch mnist
    """
    from condvae.data.sources import load_data

    data = load_data(arguments.source)
    print(f"{data.source}: {len(data.train):,} training and {len(data.test):,} test images are available.")


def _info_options(parser: ArgumentParser) -> None:
    _fetch_options(parser)
    add_out(parser, f"contact sheet, {SHOWN} images of each class (default: SOURCE.png)")


def info(arguments: Namespace) -> None:
    """Say what is in a data set, and draw a contact sheet of it.

    Example: condvae data info mnist --out mnist.png
    """
    from condvae.data.sources import load_data
    from condvae.files import write_bytes
    from condvae.images import class_sheet, png

    data = load_data(arguments.source)
    for name, part in (("train", data.train), ("test", data.test)):
        low, high, mean = part.pixel_statistics()
        print(f"{name}: {len(part):,} images, (C, H, W) = {part.shape}, values {low} to {high}, mean {mean:.1f}")
    print("class        train     test")
    for (label, in_train), in_test in zip(data.train.counts().items(), data.test.counts().values(), strict=True):
        print(f"{label:<10} {in_train:>7} {in_test:>8}")
    out = arguments.out or Path(f"{arguments.source.rstrip('/').replace(':', '/').split('/')[-1]}.png")
    shown = data.train.examples(SHOWN)
    write_bytes(out, png(class_sheet(shown.images, shown.labels, SHOWN), scale=2))
    print(f"Contact sheet: {out}")


COMMANDS = (Command("data fetch", _fetch_options, fetch), Command("data info", _info_options, info))
