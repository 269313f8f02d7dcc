"""What the parsers of several commands share."""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from condvae.errors import ConfigError

Command = Callable[[list[str]], None]


def parser_texts(name: str, command: Command) -> dict[str, Any]:
    """The texts of a parser: the name of a command, and what its docstring says."""
    text = "\n".join(line.strip() for line in (command.__doc__ or "").splitlines()).strip()
    return {"prog": f"condvae {name}", "description": text, "formatter_class": RawDescriptionHelpFormatter}


def command_parser(name: str, command: Command) -> ArgumentParser:
    """A parser that takes names of options in full only, so that new ones break no script."""
    return ArgumentParser(**parser_texts(name, command), allow_abbrev=False)


def run_parser(name: str, command: Command) -> ArgumentParser:
    """A parser whose first argument is a run."""
    parser = command_parser(name, command)
    add_run(parser)
    return parser


def add_run(parser: ArgumentParser) -> None:
    """RUN, the folder of a finished run."""
    parser.add_argument("run", type=Path, metavar="RUN", help="folder of a finished run, such as runs/paper")


def add_z(parser: ArgumentParser) -> None:
    """--z, latent vectors."""
    parser.add_argument(
        "--z",
        nargs="+",
        type=float,
        action="append",
        metavar="Z",
        help="a latent vector, one number per latent dimension; repeat the option for several vectors",
    )


def add_set(parser: ArgumentParser) -> None:
    """--set, conditions other than the label; `attributes_of` reads them."""
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        metavar="NAME=VALUE",
        default=[],
        help="the model's conditions other than the label, such as slant=0.5",
    )


def attributes_of(settings: list[str]) -> dict[str, str]:
    """["slant=0.5"] as {"slant": "0.5"}.

    Raises:
        ConfigError: one is written in another way, twice, or is the label.
    """
    found: dict[str, str] = {}
    for setting in settings:
        name, mark, value = setting.partition("=")
        if not mark:
            raise ConfigError(f"--set {setting} says no value; write NAME=VALUE, such as slant=0.5.")
        if name == "label":
            raise ConfigError(f"--set {setting} sets the label; write --label {value}.")
        if name in found:
            raise ConfigError(f"--set says {name} twice, {found[name]} and {value}; write it once.")
        found[name] = value
    return found
