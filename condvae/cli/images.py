"""generate and encode: images to files, and files to latent vectors."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from condvae.cli.interrupts import continuable
from condvae.cli.options import (
    Command,
    add_attributes,
    add_device,
    add_label,
    add_out,
    add_prior,
    add_run,
    add_seed,
    add_z,
    attributes_of,
)
from condvae.errors import ConfigError


def _generate_options(parser: ArgumentParser) -> None:
    add_run(parser)
    add_label(parser, "one label or several; leave it out for a model without labels or with condition dropout")
    parser.add_argument("--count", type=int, default=1, help="number of images of each label (default: %(default)s)")
    add_seed(parser)
    add_z(parser)
    parser.add_argument(
        "--pair",
        action="store_true",
        help="pair labels and latent vectors one to one, instead of drawing all combinations; needs --z",
    )
    parser.add_argument(
        "--sample",
        action="store_true",
        help="draw the pixels from p(x|z,y) (default: images are the means of p(x|z,y))",
    )
    add_prior(parser, "where latent vectors are drawn from")
    add_attributes(parser)
    add_device(parser)
    text = "new folder for PNG files in a folder for each label, or a path ending in .npz, .tar or .parquet"
    add_out(parser, text, required=True)


def generate(arguments: Namespace) -> None:
    """Draw images of the labels that you ask for.

    The command writes any number of images, as PNG files, or as files with many images each: .npz (NumPy), .tar
    (WebDataset) or .parquet (as Hugging Face's datasets have it). Each label is drawn at each latent vector --z, or
    --count times at latent vectors that are drawn. An image is the mean of p(x|z,y), or with --sample a sample of it.
    If the command is interrupted, the same command continues it.

    Example: condvae generate pretrained --label 3 --count 16 --out threes
    """
    from condvae.config import Z_PRIORS

    if arguments.count < 1:
        raise ConfigError(f"--count must be at least 1, got {arguments.count}.")
    if arguments.z and arguments.count != 1:
        raise ConfigError("--count draws latent vectors, and --z sets them. Give one of the two.")
    if arguments.z and arguments.prior != Z_PRIORS[0]:
        raise ConfigError("--prior draws latent vectors, and --z sets them. Give one of the two.")

    from condvae.inference.bulk import generate_files
    from condvae.model.devices import find_device

    names = ("count", "z", "pair", "sample", "seed", "prior")
    wanted = {name: getattr(arguments, name) for name in names}
    wanted |= {"attributes": attributes_of(arguments.attributes), "device": find_device(arguments.device)}
    with continuable():
        count = generate_files(arguments.run_folder, arguments.out, arguments.label, **wanted)
    print(f"Drew {count:,} images: {arguments.out}")


def _encode_options(parser: ArgumentParser) -> None:
    add_run(parser)
    parser.add_argument(
        "images", type=Path, metavar="IMAGES", help="folder of image files, or path ending in .npz, .tar or .parquet"
    )
    parser.add_argument(
        "--label", metavar="LABEL", help="the label of all images, if they are not in a folder for each label"
    )
    add_attributes(parser)
    add_device(parser)
    add_out(parser, "new file ending in .npz or .parquet with the arrays mean, stddev, labels, files", required=True)


def encode(arguments: Namespace) -> None:
    """Encode images into latent vectors.

    The images are a folder with a folder for each label in it, or files that 'condvae generate' writes, of any number.
    If the command is interrupted, the same command continues it.

    Example: condvae encode pretrained threes --out codes.npz
    """
    from condvae.inference.bulk import encode_files
    from condvae.model.devices import find_device

    attributes, device = attributes_of(arguments.attributes), find_device(arguments.device)
    source = arguments.run_folder, arguments.images, arguments.out
    with continuable():
        count = encode_files(*source, arguments.label, attributes, device=device)
    print(f"Encoded {count:,} images: {arguments.out}")


COMMANDS = (Command("generate", _generate_options, generate), Command("encode", _encode_options, encode))
