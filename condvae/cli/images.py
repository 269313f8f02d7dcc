"""generate and encode: images to files, and files to latent vectors."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from condvae.cli.interrupts import continuable
from condvae.cli.options import (
    Command,
    add_address,
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

if TYPE_CHECKING:
    from condvae.inference.shards import Workers


CLOUD = "Object storage is written s3://BUCKET/NAME, gs:// or az://"


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
    add_address(parser)
    text = "new folder for PNG files in a folder for each label, or a path ending in .npz, .tar or .parquet"
    add_out(parser, f"{text}. {CLOUD}", required=True, type=str)


def generate(arguments: Namespace) -> None:
    """Draw images of the labels that you ask for.

    The command writes any number of images, as PNG files, or as files with many images each: .npz (NumPy), .tar
    (WebDataset) or .parquet (as Hugging Face's datasets have it). Each label is drawn at each latent vector --z, or
    --count times at latent vectors that are drawn. An image is the mean of p(x|z,y), or with --sample a sample of it.
    If the command is interrupted, the same command continues it. With --address, the machines of a Ray cluster draw the
    images. They are the same.

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

    names = ("count", "z", "pair", "sample", "seed", "prior", "device")
    wanted = {name: getattr(arguments, name) for name in names}
    wanted |= {"attributes": attributes_of(arguments.attributes)}
    with continuable(), _workers(arguments) as workers:
        count = generate_files(arguments.run_folder, arguments.out, arguments.label, **wanted, workers=workers)
    print(f"Drew {count:,} images: {arguments.out}")


def _encode_options(parser: ArgumentParser) -> None:
    add_run(parser)
    text = f"folder of image files, or path ending in .npz, .tar or .parquet. {CLOUD}"
    parser.add_argument("images", metavar="IMAGES", help=text)
    parser.add_argument(
        "--label", metavar="LABEL", help="the label of all images, if they are not in a folder for each label"
    )
    add_attributes(parser)
    add_device(parser)
    add_address(parser)
    text = f"new file ending in .npz or .parquet with the arrays mean, stddev, labels, files. {CLOUD}"
    add_out(parser, text, required=True, type=str)


def encode(arguments: Namespace) -> None:
    """Encode images into latent vectors.

    The images are a folder with a folder for each label in it, or files that 'condvae generate' writes, of any number.
    If the command is interrupted, the same command continues it. With --address, the machines of a Ray cluster encode
    the images.

    Example: condvae encode pretrained threes --out codes.npz
    """
    from condvae.inference.bulk import encode_files

    source = arguments.run_folder, arguments.images, arguments.out
    wanted = {"attributes": attributes_of(arguments.attributes), "device": arguments.device}
    with continuable(), _workers(arguments) as workers:
        count = encode_files(*source, arguments.label, **wanted, workers=workers)
    print(f"Encoded {count:,} images: {arguments.out}")


@contextmanager
def _workers(arguments: Namespace) -> Iterator["Workers"]:
    """Who does the work: this machine, or those of a cluster."""
    if arguments.address is None:
        from condvae.inference.shards import Workers

        yield Workers()
    else:
        from condvae.cluster.bulk import on_cluster

        with on_cluster(arguments.address, arguments.device) as workers:
            yield workers


COMMANDS = (Command("generate", _generate_options, generate), Command("encode", _encode_options, encode))
