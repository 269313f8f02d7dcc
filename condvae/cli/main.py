"""The command line: the tree of parsers, and what errors become."""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from condvae.cli import augment, check, data, evaluation, experiment, explorer, export, hub, images, sweep, train
from condvae.cli.options import Command, CommandParser, refuse_old_spellings
from condvae.errors import CondvaeError, ConfigError, unknown

INTERRUPTED = 130
GROUPS = (experiment, train, sweep, images, augment, evaluation, explorer, export, hub, data, check)
COMMANDS: dict[str, Command] = {command.name: command for group in GROUPS for command in group.COMMANDS}
NESTED = {name.split()[0] for name in COMMANDS if " " in name}  # the first words of commands of two words
TITLE = "Conditional variational autoencoders for labelled images: any label, in any style."
END = (
    "'condvae COMMAND --help' explains a command with an example. 'condvae --version' prints the version.\n"
    "Begin with: condvae explore"
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit status: 0, 1 for a mistake that the message explains, 130 after Ctrl-C.

    Raises:
        SystemExit: the help of a command is printed (exit status 0), or the usage is wrong (exit status 2).
    """
    given = list(sys.argv[1:] if argv is None else argv)
    try:
        _run(_explained(given))
    except KeyboardInterrupt as interrupt:
        print(f"\nInterrupted. {interrupt}", file=sys.stderr)
        return INTERRUPTED
    except CondvaeError as error:
        print(f"condvae: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # such as a log that Lightning cannot write because the disk is full
        print(f"condvae: The operating system reports: {error}. Fix this and run the command again.", file=sys.stderr)
        return 1
    return 0


def parsers() -> list[tuple[str, ArgumentParser]]:
    """The name and the parser of each command, with all of its arguments."""
    return [(name, _own_parser(command)) for name, command in COMMANDS.items()]


def _run(arguments: list[str]) -> None:
    if arguments == ["--version"]:
        from importlib.metadata import version

        print(f"condvae {version('condvae')}")
        return
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return
    _require_command(arguments)
    if arguments[0] in NESTED and (len(arguments) == 1 or arguments[1] in ("-h", "--help")):
        print(_overview(arguments[0]))
        return
    refuse_old_spellings(arguments)
    parsed: Any = _tree().parse_args(arguments)
    parsed.run(parsed)


def _explained(arguments: list[str]) -> list[str]:
    """`condvae help COMMAND` is `condvae COMMAND --help`."""
    return [*arguments[1:], "--help"] if arguments[:1] == ["help"] else arguments


def _overview(first: str = "") -> str:
    """All commands in a line each, or those that begin with a word.

    It does not come from the parsers, because making all of them would take a quarter of the time of `condvae --help`.
    """
    shown = [command for command in COMMANDS.values() if command.name.startswith(first)]
    lines = [f"  {command.name:<12}{command.text.splitlines()[0]}" for command in shown]
    usage = " ".join(filter(None, ("usage: condvae", first, "COMMAND ...")))
    return "\n".join([TITLE, "", usage, "", "commands:", *lines, "", END])


def _tree() -> ArgumentParser:
    """The parser of all commands. Each command gets its arguments when it is chosen."""
    parser = CommandParser(prog="condvae")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=CommandParser)
    nested = {first: commands.add_parser(first, prog=f"condvae {first}") for first in NESTED}
    inner = {
        first: one.add_subparsers(metavar="COMMAND", required=True, parser_class=CommandParser)
        for first, one in nested.items()
    }
    for command in COMMANDS.values():
        first, _, second = command.name.partition(" ")
        parsers_of = inner[first] if second else commands
        parsers_of.add_parser(second or first, **_texts(command))
    return parser


def _texts(command: Command) -> dict[str, Any]:
    return {"command": command, "prog": f"condvae {command.name}", "description": command.text}


def _own_parser(command: Command) -> ArgumentParser:
    if command.takes_all:
        return train.settings_parser([])
    return CommandParser(**_texts(command)).fill()


def _require_command(arguments: list[str]) -> None:
    words = 2 if arguments[0] in NESTED and arguments[1:] and not arguments[1].startswith("-") else 1
    name = " ".join(arguments[:words])
    if name not in COMMANDS and name not in NESTED:
        raise ConfigError(unknown("command", name, COMMANDS) + " See 'condvae help'.")
