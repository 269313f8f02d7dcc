"""train: the only command whose options come from the settings and from Lightning's Trainer, through jsonargparse."""

import json
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Collection, Sequence
from dataclasses import fields
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple, get_args

from condvae.cli.options import Command
from condvae.errors import ConfigError
from condvae.hub import is_address

RECIPE = "paper"  # for the source that is the default
AUTO_RECIPE = "auto"  # for other sources
AUTO = "auto"  # the device that Lightning chooses
LOGGER_HELP = (
    "one or several of Lightning's loggers, such as lightning.pytorch.loggers.WandbLogger. They are added to "
    "metrics.csv, which every run has. True adds TensorBoard if it is installed, and False adds none"
)
USAGE = "condvae train [--recipe NAME|FILE.yaml] [--data SOURCE] [--minutes M] [--out RUN] [--resume RUN] [any setting]"


class Chosen(NamedTuple):
    """The options that decide the defaults of all others."""

    recipe: str
    resume: str | None
    list_recipes: bool


def train(arguments: Namespace) -> None:
    """Train a model, and leave a run folder.

    Every setting of a recipe and every option of Lightning's Trainer can be set by its name. For images other than
    MNIST, the recipe auto chooses settings that follow from the data, and says which they are. --minutes fits the
    length of the training to this machine. --trainer.logger adds loggers to condvae's own log. Ctrl-C stops the
    training, and --resume continues it.

    Example: condvae train --recipe paper --out runs/mine --model.latent 8 --trainer.max_epochs 5
    """
    argv = _in_full(arguments.arguments)
    chosen = _chosen(argv)
    if chosen.resume == "":
        raise ConfigError("--resume needs a run folder, got ''. Write --resume RUN.")
    if is_address(chosen.resume or ""):
        raise ConfigError("A model on the Hub cannot be resumed. Download it, with its cvae.ckpt, into a run folder.")
    if chosen.list_recipes:
        print(recipe_table())
        return
    COMMAND.require_extras()

    from condvae.config import Config, dotted
    from condvae.run import Run
    from condvae.training.fit import fit, resume
    from condvae.training.trainer import changed_options, is_main_process

    parser = settings_parser(argv)
    settings = parser.parse_args(argv).as_dict()
    given = dotted(parser.parse_args(argv, defaults=False).as_dict())
    _require_own_length(given)
    parts = {name: settings[name] for name in ("data", "model", "training")}
    trainer = {**changed_options(settings["trainer"]), **_accelerator(settings["device"])}
    config = Config.from_dict({**parts, "trainer": trainer})
    out = Run.at(chosen.resume or settings["out"] or f"runs/{Path(chosen.recipe).stem}").path
    try:
        if chosen.resume is not None:
            _require_same(_base(chosen), config, settings)
            resume(out, config.trainer)
        elif chosen.recipe == AUTO_RECIPE:
            _train_automatically(config, out, set(given), settings["minutes"])
        else:
            fit(config, out, minutes=settings["minutes"])
    except KeyboardInterrupt:
        how = f"Continue with: condvae train --resume {out}" if Run(out).is_started else "No training was begun."
        raise KeyboardInterrupt(how) from None
    if is_main_process():
        print(f"Trained: {out}\nNext: condvae report {out}, condvae explore {out}")


def settings_parser(argv: Sequence[str]) -> Any:
    """The parser of all settings, whose defaults are those of the recipe, or of the run to resume."""
    from jsonargparse import ArgumentParser as SettingsParser

    from condvae.config import DEVICES, DataConfig, ModelConfig, TrainingConfig, dotted
    from condvae.data.sources import source_help
    from condvae.recipe import recipe_names
    from condvae.training.trainer import add_trainer_options

    parser = SettingsParser(
        prog="condvae train",
        usage=USAGE,
        description=COMMAND.text,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,  # otherwise `--rec fast` would be accepted, but `_chosen` would not see it
    )
    recipes = (
        f"one of {', '.join(recipe_names())}, or a YAML file (default: {RECIPE} for MNIST, otherwise {AUTO_RECIPE})"
    )
    parser.add_argument("--recipe", help=recipes)
    parser.add_argument("--list-recipes", action="store_true", help="print all recipes with their times and figures")
    parser.add_argument("--resume", metavar="RUN", help="continue the run in this folder, with its own settings")
    parser.add_argument("--out", metavar="RUN", help="run folder, new or empty (default: runs/RECIPE)")
    minutes = "how long training shall take on this machine, about. The length that follows is written to config.yaml"
    parser.add_argument("--minutes", type=float, metavar="M", help=minutes)
    parser.add_argument("--device", choices=DEVICES, default=AUTO, help="device that trains; auto prefers a GPU")
    parser.add_class_arguments(DataConfig, "data", instantiate=False)
    parser.add_class_arguments(ModelConfig, "model", instantiate=False)
    parser.add_class_arguments(TrainingConfig, "training", instantiate=False)
    add_trainer_options(parser)
    options = parser._option_string_actions
    options["--trainer.logger"].help = LOGGER_HELP
    options["--data"].metavar, options["--data"].help = "SOURCE", f"data source: {source_help()}"
    options["--data.source"].help = "the same as --data"
    base = _base(_chosen(argv))
    parser.set_defaults(dotted({name: vars(getattr(base, name)) for name in ("data", "model", "training")}))
    try:
        parser.set_defaults(dotted({"trainer": base.trainer}))
    except KeyError as error:
        raise ConfigError(
            f"The recipe names an option that Lightning's Trainer does not have: {error.args[0]}"
        ) from error
    return parser


def recipe_table() -> str:
    """All recipes: name, one line about each, time and figures."""
    from condvae.recipe import recipe_names, recipe_notes

    notes = {name: recipe_notes(name) for name in recipe_names()}
    rows = [("recipe", "what", "training", "figures")]
    rows += [(name, found["What"], found["Time"], found["Figures"]) for name, found in notes.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)) for row in rows)
    return "\n".join(map(str.rstrip, lines))


def _in_full(argv: Sequence[str]) -> list[str]:
    """--data SOURCE as --data.source SOURCE, and several words after a setting that is a list as one list."""
    from condvae.config import DataConfig, ModelConfig, TrainingConfig

    groups = {"data": DataConfig, "model": ModelConfig, "training": TrainingConfig}
    lists = {
        f"--{group}.{one.name}": get_args(one.type)[0]
        for group, kind in groups.items()
        for one in fields(kind)
        if isinstance(one.default, tuple)
    }
    found, rest = [], list(argv)
    while rest:
        option = rest.pop(0)
        name, equals, value = option.partition("=")
        found.append(f"--data.source{equals}{value}" if name == "--data" else option)
        if option in lists:
            words = list(takewhile(lambda word: not word.startswith("--"), rest))
            rest = rest[len(words) :]
            is_list = words and words[0].startswith("[")
            quoted = [json.dumps(word, ensure_ascii=False) if lists[option] is str else word for word in words]
            found += words if is_list else [f"[{', '.join(quoted)}]"]
    return found


def _chosen(argv: Sequence[str]) -> Chosen:
    from condvae.config import DataConfig

    first = ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--recipe")
    first.add_argument("--resume")
    first.add_argument("--list-recipes", action="store_true")
    first.add_argument("--data.source", dest="source", default=DataConfig.source)
    found, _ = first.parse_known_args([one for one in argv if one not in ("-h", "--help")])
    usual = RECIPE if found.source == DataConfig.source else AUTO_RECIPE
    return Chosen(usual if found.recipe is None else found.recipe, found.resume, found.list_recipes)


def _base(chosen: Chosen) -> Any:
    from condvae.recipe import load_recipe
    from condvae.run import Run

    return load_recipe(chosen.recipe) if chosen.resume is None else Run.find(chosen.resume).config()


def _accelerator(device: str) -> dict[str, str]:
    """Lightning's name of a device. Nothing for the device that it chooses itself."""
    from condvae.model.devices import find_device

    return {} if device == AUTO else {"accelerator": find_device(device).type}


def _train_automatically(config: Any, out: Path, given: set[str], minutes: float | None) -> None:
    """Train with the settings that follow from the data, and say which they are.

    Args:
        config: recipe `auto` with the settings of the user.
        out: the run folder.
        given: the names of the settings of the user.
        minutes: how long training shall take. None for the length that follows from the data.
    """
    from condvae.data.sources import load_data
    from condvae.run import Run
    from condvae.training.auto import STEPS, auto
    from condvae.training.checks import check
    from condvae.training.fit import fit, require_new
    from condvae.training.plan import require_minutes
    from condvae.training.trainer import is_main_process

    check(config)
    if minutes is not None:
        require_minutes(minutes)
    if is_main_process():
        require_new(Run(out))
    data = load_data(config.data)
    has_length = minutes is not None or given & _lengths()
    chosen, sentences = auto(data, config, given | ({STEPS} if has_length else set()))
    if is_main_process():
        print("\n".join(sentences), flush=True)
    fit(chosen, out, data, minutes=minutes)


def _lengths() -> set[str]:
    """The options of the Trainer that --minutes decides."""
    from condvae.training.plan import DECIDED

    return {f"trainer.{name}" for name in DECIDED}


def _require_own_length(given: Collection[str]) -> None:
    """--minutes finds the length of a training, which therefore cannot be given."""
    others = [f"--{name}" for name in given if name == "resume" or name in _lengths() | {"training.checkpoint_every"}]
    if "minutes" in given and others:
        raise ConfigError(
            f"--minutes chooses the length of a new training, so {', '.join(others)} cannot be given. Leave one "
            "of them out."
        )


def _require_same(base: Any, config: Any, settings: dict[str, Any]) -> None:
    """A resumed run keeps its settings. Only options of the Trainer may differ."""
    from condvae.config import dotted

    before, now = (dotted({**part.to_dict(), "trainer": None}) for part in (base, config))
    changed = [f"--{name}" for name in before if before[name] != now[name]]
    changed += ["--out"] if settings["out"] else []
    changed += ["--recipe"] if settings["recipe"] is not None else []
    if changed:
        raise ConfigError(
            f"--resume continues a run with its own settings, so {', '.join(changed)} cannot be changed. Leave it "
            "out, or start a new run with --out. Options of the Trainer, such as --trainer.max_epochs, can be changed."
        )


COMMAND = Command("train", lambda parser: None, train, extras=("train",), takes_all=True)
COMMANDS = (COMMAND,)
