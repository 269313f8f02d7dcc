"""reproduce: the original experiment."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from condvae.cli.interrupts import continuable
from condvae.cli.options import Command, add_device


def _options(parser: ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, default=Path("runs/paper"), help="run folder (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: %(default)s)")
    add_device(parser)


def reproduce(arguments: Namespace) -> None:
    """Run the original experiment, from training to the report.

    It trains the model and a plain autoencoder, measures the claims, draws the figures and writes a report. If it is
    interrupted, the same command continues it.

    Example: condvae reproduce
    """
    from condvae.report.text import summary
    from condvae.reproduce import reproduce as run_experiment

    with continuable():
        print(summary(*run_experiment(arguments.out, arguments.seed, arguments.device)))
    print(f"\nReport: {arguments.out / 'report.html'}\nNext: condvae explore {arguments.out}")


COMMANDS = (Command("reproduce", _options, reproduce, extras=("train", "report")),)
