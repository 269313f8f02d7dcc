"""reproduce: the original experiment."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from condvae.cli.interrupts import continuable
from condvae.cli.options import Command, add_device, add_out, add_seed


def _options(parser: ArgumentParser) -> None:
    add_out(parser, "run folder (default: %(default)s)", default=Path("runs/paper"))
    add_seed(parser)
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
