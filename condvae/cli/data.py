"""data fetch, data info and data clear: data sets and their cache."""

from argparse import ArgumentParser, Namespace

from condvae.cli.options import Command, add_out, add_source, source_of

SHOWN = 10  # images of each class on the contact sheet
MEBIBYTE = 1 << 20


def fetch(arguments: Namespace) -> None:
    """Fetch or decode a data set into the cache, so that training needs neither a network nor time for it.

    Example: condvae data fetch mnist
    """
    from condvae.data.sources import load_data

    data = load_data(source_of(arguments))
    print(f"{data.source}: {len(data.train):,} training and {len(data.test):,} test images are available.")


def _info_options(parser: ArgumentParser) -> None:
    add_source(parser)
    add_out(parser, f"contact sheet, {SHOWN} images of each class (default: SOURCE.png)", type=str)


def info(arguments: Namespace) -> None:
    """Say what is in a data set, and draw a contact sheet of it.

    Example: condvae data info mnist --out mnist.png
    """
    from condvae.data.sources import load_data
    from condvae.images import class_sheet, png
    from condvae.storage.places import place

    data = load_data(source_of(arguments))
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    present = {name: part for name, part in parts.items() if part is not None}
    for name, part in present.items():
        low, high, mean = part.pixel_statistics()
        print(f"{name}: {len(part):,} images, (C, H, W) = {part.shape}, values {low} to {high}, mean {mean:.1f}")
    widest = max(len("class"), *map(len, data.train.classes))
    print("class".ljust(widest), *(f"{name:>10}" for name in present))
    for label in data.train.classes:
        print(label.ljust(widest), *(f"{part.counts()[label]:>10,}" for part in present.values()))
    for attribute in data.train.schema.attributes:
        values = ", ".join(attribute.classes) or f"numbers, {attribute.low:.4g} to {attribute.high:.4g}"
        print(f"attribute {attribute.name}: {values}")
    out = arguments.out or f"{arguments.source.rstrip('/').replace(':', '/').split('/')[-1]}.png"
    shown = data.train.examples(SHOWN)
    place(out).write(png(class_sheet(shown.pixels(), shown.labels, SHOWN), scale=2))
    print(f"Contact sheet: {out}")


def clear(arguments: Namespace) -> None:
    """Delete from the cache what was made of your own data: decoded images, and copies of what is in object storage.

    All of it is made again when it is needed.

    Example: condvae data clear
    """
    from condvae.data.packing.packed import clear, packed_size
    from condvae.storage.copies import clear_copies, copy_sizes

    for what, size in (*packed_size(), *copy_sizes()):
        print(f"{what}: {size / MEBIBYTE:,.1f} MiB")
    print(f"Freed {(clear() + clear_copies()) / MEBIBYTE:,.1f} MiB.")


COMMANDS = (
    Command("data fetch", add_source, fetch),
    Command("data info", _info_options, info),
    Command("data clear", lambda parser: None, clear),
)
