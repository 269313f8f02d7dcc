"""What the parsers of several commands share: lazily filled parsers, and options that several commands have."""

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from condvae.errors import ConfigError, require_extra

if TYPE_CHECKING:
    from condvae.config import DataConfig

DATA = "data."  # begins the names of the options of a data source
# Old spellings of options, with what to write now.
RENAMED = {
    "--mixture": "--prior mixture",
    "--set": "--attributes",
    "--labels": "--label",
    "--is-samples": "--importance-samples",
    "--training.validation": "--data.validation_split",
}
Run = Callable[[Namespace], None]


class HelpFormatter(RawDescriptionHelpFormatter):
    """Does not reflow descriptions. The column of options is wide enough for most of them."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32)


class Command(NamedTuple):
    """A command. It is no dataclass, because those take 5 ms to import, which `condvae --help` would wait for.

    Attributes:
        name: its name, of one or two words.
        configure: adds its arguments to a parser.
        run: does the work. Its docstring is the help.
        extras: the extras that it needs.
        takes_all: whether the command parses its arguments itself.
    """

    name: str
    configure: Callable[[ArgumentParser], None]
    run: Run
    extras: tuple[str, ...] = ()
    takes_all: bool = False

    @property
    def text(self) -> str:
        """What the command does, and an example."""
        first, _, rest = (self.run.__doc__ or "").partition("\n")
        return f"{first}\n{dedent(rest).rstrip()}"

    def require_extras(self) -> None:
        """Make sure that the extras of the command are installed.

        Raises:
            MissingExtraError: one is not.
        """
        for extra in self.extras:
            require_extra(extra, f"'condvae {self.name}'")


class CommandParser(ArgumentParser):
    """The parser of a command, which gets its arguments when it is first used.

    Abbreviated options are refused, because a new option could make them ambiguous.
    """

    def __init__(self, *, command: Command | None = None, **options: Any) -> None:
        options = {"formatter_class": HelpFormatter, "allow_abbrev": False, **options}
        super().__init__(**options)
        self.command, self.is_filled = command, command is None

    def fill(self) -> "CommandParser":
        """Add the arguments of the command.

        Raises:
            MissingExtraError: an extra of the command is not installed.
        """
        if self.command and not self.is_filled:
            self.is_filled = True
            if not self.command.takes_all:
                self.command.require_extras()
            self.command.configure(self)
            self.set_defaults(run=self.command.run)
        return self

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        self.fill()
        if self.command and self.command.takes_all:
            return Namespace(run=self.command.run, arguments=list(args or ())), []
        return cast(tuple[Any, list[str]], super().parse_known_args(args, namespace))

    def format_help(self) -> str:
        return super().format_help() if self.is_filled else self.fill().format_help()


def refuse_old_spellings(arguments: Sequence[str]) -> None:
    """Make sure that no option of an earlier version is given.

    Raises:
        ConfigError: one is given. The message has what to write now.
    """
    for argument in arguments:
        name = argument.partition("=")[0]
        if name in RENAMED:
            raise ConfigError(f"{name} is now {RENAMED[name]}. Write that and run the command again.")


def add_run(parser: ArgumentParser) -> None:
    """Add RUN, a run folder, "pretrained", or an address on the Hub."""
    text = "folder of a finished run, pretrained for the model that ships with condvae, or hf://USER/NAME on the Hub"
    parser.add_argument("run_folder", metavar="RUN", help=text)


def add_source(parser: ArgumentParser, is_split: bool = True) -> None:
    """Add SOURCE, a data source, and the options that decide what becomes of it. `source_of` reads them.

    Args:
        parser: the parser of a command.
        is_split: whether the command splits the data and numbers its classes.
    """
    from condvae.config import COLOR_MODES, RESIZES, DataConfig
    from condvae.data.sources import source_help

    usual = DataConfig()
    parser.add_argument("source", metavar="SOURCE", help=source_help())
    group = parser.add_argument_group("how the images are prepared, as in 'condvae train'")
    size = {"nargs": 2, "type": int, "metavar": ("HEIGHT", "WIDTH")}
    options: dict[str, dict[str, Any]] = {
        "image_size": {**size, "help": "in pixels (default: it follows from the pictures)"},
        "color_mode": {"choices": COLOR_MODES, "help": f"grey or colour (default: {usual.color_mode})"},
        "resize": {
            "choices": RESIZES,
            "help": f"what happens to a picture with another aspect ratio (default: {usual.resize})",
        },
        "unlabelled": {"metavar": "NAME", "help": "name of a folder with images that have no label"},
        "skip_damaged": {"choices": ("true", "false"), "help": "leave out files that cannot be read (default: false)"},
    }
    if is_split:
        options |= {
            "test_split": {
                "type": float,
                "metavar": "SHARE",
                "help": f"share or number of test images (default: {usual.test_split})",
            },
            "seed": {"type": int, "metavar": "SEED", "help": f"seed of the split (default: {usual.seed})"},
            "class_names": {"nargs": "+", "metavar": "NAME", "help": "the classes in their order"},
        }
    for name, settings in options.items():
        group.add_argument(f"--{DATA}{name}", default=SUPPRESS, **settings)


def source_of(arguments: Namespace) -> "DataConfig":
    """The data source of a command, with its options.

    Raises:
        ConfigError: an option is not possible.
    """
    from condvae.config import DataConfig

    given = {name.removeprefix(DATA): value for name, value in vars(arguments).items() if name.startswith(DATA)}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return DataConfig(arguments.source, **{**given, "skip_damaged": given.get("skip_damaged") == "true"})


def add_label(parser: ArgumentParser, text: str) -> None:
    """Add the option --label, one label or several."""
    parser.add_argument("--label", nargs="+", metavar="LABEL", help=text)


def add_z(parser: ArgumentParser) -> None:
    """Add the option --z, latent vectors."""
    text = "a latent vector, one number for each latent dimension. Repeat the option for several vectors"
    parser.add_argument("--z", nargs="+", type=float, action="append", metavar="Z", help=text)


def add_prior(parser: ArgumentParser, text: str, default: str | None = "prior", usual: str = "%(default)s") -> None:
    """Add the option --prior, where latent vectors are drawn from. `usual` says what the default is."""
    from condvae.config import Z_PRIORS

    which = "prior is the model's own, mixture is a Gaussian mixture fitted to the codes of the training images"
    parser.add_argument("--prior", choices=Z_PRIORS, default=default, help=f"{text}: {which} (default: {usual})")


def add_seed(parser: ArgumentParser) -> None:
    """Add the option --seed."""
    parser.add_argument("--seed", type=int, default=0, help="seed of all random numbers (default: %(default)s)")


def add_out(parser: ArgumentParser, text: str, **options: Any) -> None:
    """Add the option --out, the path of the result."""
    parser.add_argument("--out", help=text, **{"type": _path, **options})


def _path(text: str) -> Path:
    """A path of this machine. Path itself would take an address of object storage for one."""
    if "://" in text:
        raise ArgumentTypeError(
            f"must be a path of this machine, got {text}. generate, encode, augment and data info write to addresses."
        )
    return Path(text)


def add_address(parser: ArgumentParser) -> None:
    """Add the option --address, a cluster."""
    text = "address of a Ray cluster, HOST:PORT, or auto for the one of this machine (default: this machine alone)"
    parser.add_argument("--address", help=text)


def add_device(parser: ArgumentParser) -> None:
    """Add the option --device."""
    from condvae.config import DEVICES

    text = "device to compute on; auto takes a GPU if there is one (default: %(default)s)"
    parser.add_argument("--device", choices=DEVICES, default=DEVICES[0], help=text)


def add_attributes(parser: ArgumentParser) -> None:
    """Add the option --attributes, conditions beside the label. `attributes_of` reads them."""
    text = "values of the model's conditions beside the label, such as slant=0.5"
    parser.add_argument("--attributes", nargs="+", action="extend", metavar="NAME=VALUE", default=[], help=text)


def attributes_of(settings: Sequence[str]) -> dict[str, str]:
    """["slant=0.5"] as {"slant": "0.5"}.

    Raises:
        ConfigError: one is written in another way, is given twice, or is the label.
    """
    found: dict[str, str] = {}
    for setting in settings:
        name, mark, value = setting.partition("=")
        if not mark:
            raise ConfigError(f"--attributes {setting} has no value. Write NAME=VALUE, such as slant=0.5.")
        if name == "label":
            raise ConfigError(f"--attributes {setting} sets the label. Write --label {value}.")
        if name in found:
            raise ConfigError(f"--attributes gives {name} twice, {found[name]} and {value}. Write it once.")
        found[name] = value
    return found
