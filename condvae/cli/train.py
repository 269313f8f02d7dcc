"""train: the only command whose options come from the settings and from Lightning's Trainer, through jsonargparse."""

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from condvae.cli.options import Command
from condvae.errors import ConfigError

RECIPE = "paper"
AUTO = "auto"  # the device that Lightning chooses
LOGGER_HELP = (
    "one or several of Lightning's loggers, such as lightning.pytorch.loggers.WandbLogger. They are added to "
    "metrics.csv, which every run has. True adds TensorBoard if it is installed, and False adds none"
)
USAGE = "condvae train [--recipe NAME|FILE.yaml] [--data SOURCE] [--out RUN] [--resume RUN] [any setting]"


class Chosen(NamedTuple):
    """The options that decide the defaults of all others."""

    recipe: str
    resume: str | None
    list_recipes: bool


def train(arguments: Namespace) -> None:
    """Train a model, and leave a run folder.

    Every setting of a recipe and every option of Lightning's Trainer can be set by its name. --trainer.logger adds
    loggers to condvae's own log. Ctrl-C stops the training, and --resume continues it.

    Example: condvae train --recipe paper --out runs/mine --model.latent 8 --trainer.max_epochs 5
    """
    argv = arguments.arguments
    chosen = _chosen(argv)
    if chosen.resume == "":
        raise ConfigError("--resume needs a run folder, got ''. Write --resume RUN.")
    if chosen.list_recipes:
        print(recipe_table())
        return
    COMMAND.require_extras()

    from condvae.config import Config
    from condvae.run import Run
    from condvae.training.fit import fit, resume
    from condvae.training.trainer import changed_options, is_main_process

    settings = settings_parser(argv).parse_args(argv).as_dict()
    parts = {name: settings[name] for name in ("data", "model", "training")}
    trainer = {**changed_options(settings["trainer"]), **_accelerator(settings["device"])}
    config = Config.from_dict({**parts, "trainer": trainer})
    out = Path(chosen.resume or settings["out"] or f"runs/{Path(chosen.recipe).stem}")
    try:
        if chosen.resume is not None:
            _require_same(_base(chosen), config, settings)
            resume(out, config.trainer)
        else:
            fit(config, out)
    except KeyboardInterrupt:
        how = f"Continue with: condvae train --resume {out}" if Run(out).is_started else "No training was begun."
        raise KeyboardInterrupt(how) from None
    if is_main_process():
        print(f"Trained: {out}\nNext: condvae report {out}, condvae explore {out}")


def settings_parser(argv: Sequence[str]) -> Any:
    """The parser of all settings, whose defaults are those of the recipe, or of the run to resume."""
    from jsonargparse import ArgumentParser as SettingsParser

    from condvae.config import ModelConfig, TrainingConfig, dotted, recipe_names
    from condvae.data.sources import source_help
    from condvae.model.devices import DEVICES
    from condvae.training.trainer import add_trainer_options

    parser = SettingsParser(
        prog="condvae train",
        usage=USAGE,
        description=COMMAND.text,
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,  # otherwise `--rec fast` would be accepted, but `_chosen` would not see it
    )
    parser.add_argument("--recipe", default=RECIPE, help=f"one of {', '.join(recipe_names())}, or a YAML file")
    parser.add_argument("--list-recipes", action="store_true", help="print all recipes with their times and figures")
    parser.add_argument("--resume", metavar="RUN", help="continue the run in this folder, with its own settings")
    parser.add_argument("--out", metavar="RUN", help="run folder, new or empty (default: runs/RECIPE)")
    parser.add_argument("--data", metavar="SOURCE", help=f"data source: {source_help()}")
    parser.add_argument("--device", choices=DEVICES, default=AUTO, help="device that trains; auto prefers a GPU")
    parser.add_class_arguments(ModelConfig, "model", instantiate=False)
    parser.add_class_arguments(TrainingConfig, "training", instantiate=False)
    add_trainer_options(parser)
    parser._option_string_actions["--trainer.logger"].help = LOGGER_HELP
    base = _base(_chosen(argv))
    parser.set_defaults(dotted({"data": base.data, "model": vars(base.model), "training": vars(base.training)}))
    try:
        parser.set_defaults(dotted({"trainer": base.trainer}))
    except KeyError as error:
        raise ConfigError(
            f"The recipe names an option that Lightning's Trainer does not have: {error.args[0]}"
        ) from error
    return parser


def recipe_table() -> str:
    """All recipes: name, one line about each, time and figures."""
    from condvae.config import recipe_names, recipe_notes

    notes = {name: recipe_notes(name) for name in recipe_names()}
    rows = [("recipe", "what", "training", "figures")]
    rows += [(name, found["What"], found["Time"], found["Figures"]) for name, found in notes.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)) for row in rows)
    return "\n".join(map(str.rstrip, lines))


def _chosen(argv: Sequence[str]) -> Chosen:
    first = ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--recipe", default=RECIPE)
    first.add_argument("--resume")
    first.add_argument("--list-recipes", action="store_true")
    return Chosen(**vars(first.parse_known_args([one for one in argv if one not in ("-h", "--help")])[0]))


def _base(chosen: Chosen) -> Any:
    from condvae.config import load_recipe
    from condvae.run import Run

    return load_recipe(chosen.recipe) if chosen.resume is None else Run.find(chosen.resume).config()


def _accelerator(device: str) -> dict[str, str]:
    """Lightning's name of a device. Nothing for the device that it chooses itself."""
    from condvae.model.devices import find_device

    return {} if device == AUTO else {"accelerator": find_device(device).type}


def _require_same(base: Any, config: Any, settings: dict[str, Any]) -> None:
    """A resumed run keeps its settings. Only options of the Trainer may differ."""
    from condvae.config import dotted

    before, now = (dotted({**part.to_dict(), "trainer": None}) for part in (base, config))
    changed = [f"--{name}" for name in before if before[name] != now[name]]
    changed += ["--out"] if settings["out"] else []
    changed += ["--recipe"] if settings["recipe"] != RECIPE else []
    if changed:
        raise ConfigError(
            f"--resume continues a run with its own settings, so {', '.join(changed)} cannot be changed. Leave it "
            "out, or start a new run with --out. Options of the Trainer, such as --trainer.max_epochs, can be changed."
        )


COMMAND = Command("train", lambda parser: None, train, extras=("train",), takes_all=True)
COMMANDS = (COMMAND,)
