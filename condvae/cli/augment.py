"""augment: generated images for the classes that have too few."""

from argparse import ArgumentParser, Namespace

from condvae.cli.interrupts import continuable
from condvae.cli.options import Command, add_device, add_label, add_out, add_prior, add_run, add_seed
from condvae.errors import ConfigError


def _options(parser: ArgumentParser) -> None:
    add_run(parser)
    parser.add_argument("--to", type=int, metavar="N", help="fill each class up to N images")
    parser.add_argument("--balance", action="store_true", help="fill each class up to the size of the largest")
    add_label(parser, "the classes to fill up (default: all)")
    parser.add_argument("--judged", action="store_true", help="keep only images that a judge takes for their class")
    parser.add_argument("--with-real", action="store_true", help="copy the training images into the folder as well")
    add_prior(parser, "where latent vectors are drawn from", default="mixture")
    parser.add_argument(
        "--sample",
        action="store_true",
        help="draw the pixels from p(x|z,y) (default: images are the means of p(x|z,y))",
    )
    add_seed(parser)
    add_device(parser)
    add_out(parser, "new folder for the images. It may be in object storage", required=True, type=str)


def augment(arguments: Namespace) -> None:
    """Draw images of the classes that have too few training images.

    The folder has the layout of the data source, and is ready for any classifier. generated.csv in it has a row for
    each image, and README.md says how the images were made. If the command is interrupted, the same command continues
    it.

    Example: condvae augment runs/photos --balance --judged --out more-photos
    """
    if (arguments.to is None) != arguments.balance:
        given = "got both" if arguments.balance else "got neither"
        raise ConfigError(f"Give either --to N or --balance, {given}.")

    from condvae.evaluation.augment import augment as fill
    from condvae.evaluation.filling import Options
    from condvae.evaluation.study import Study
    from condvae.model.devices import find_device

    study = Study(arguments.run_folder, device=find_device(arguments.device))
    names = ("to", "label", "judged", "with_real", "prior", "sample", "seed")
    with continuable():
        filled = fill(study, arguments.out, Options(**{name: getattr(arguments, name) for name in names}))
    print(f"{'class':<16} {'training':>9} {'generated':>10}")
    for one in filled:
        print(f"{one.label:<16} {one.real:>9,} {one.generated:>10,}")
    if arguments.judged:
        accepted = sum(one.generated for one in filled) / sum(one.draws for one in filled)
        print(f"The judge accepted {accepted:.1%} of the images that were drawn.")
    for one in filled:
        if one.generated < one.wanted:
            print(f"'{one.label}' has {one.generated:,} of {one.wanted:,} images. The judge accepted no more.")
    print(f"Drew {sum(one.generated for one in filled):,} images: {arguments.out}")


COMMANDS = (Command("augment", _options, augment, extras=("report",)),)
