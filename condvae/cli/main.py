"""The command line: one function a command, heavy imports inside the function."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from condvae.cli.options import (
    Command,
    add_run,
    add_set,
    add_z,
    attributes_of,
    command_parser,
    parser_texts,
    run_parser,
)
from condvae.errors import CondvaeError, ConfigError, unknown

INTERRUPTED = 130


RECIPE = "paper"


Arguments = list[str]


def reproduce(argv: Arguments) -> None:
    """Run the original experiment, whole: train, measure, draw, report.

    Interrupted, it continues where it was when called again.

    Example: condvae reproduce
    """
    parser = command_parser("reproduce", reproduce)
    parser.add_argument("--out", type=Path, default=Path("runs/paper"), help="run folder (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="decides everything random (default: %(default)s)")
    arguments = parser.parse_args(argv)

    from condvae.report.text import summary
    from condvae.reproduce import reproduce as run_experiment

    with _continuable():
        print(summary(*run_experiment(arguments.out, arguments.seed)))
    print(f"\nReport: {arguments.out / 'report.html'}\nPlay with it: condvae explore {arguments.out}")


def train(argv: Arguments) -> None:
    """Train a model and leave a run folder.

    Every setting of the recipe, and every option of Lightning's Trainer, can be set by its name.

    Example: condvae train --recipe paper --out runs/mine --model.latent 8 --trainer.max_epochs 5
    """
    first = ArgumentParser(add_help=False)
    first.add_argument("--recipe", default=RECIPE)
    first.add_argument("--resume", type=Path)
    chosen, _ = first.parse_known_args([argument for argument in argv if argument not in ("-h", "--help")])

    from jsonargparse import ArgumentParser as SettingsParser

    from condvae.config import Config, ModelConfig, TrainingConfig, dotted, load_recipe, recipe_names
    from condvae.run import Run
    from condvae.training.fit import fit, resume
    from condvae.training.trainer import add_trainer_options, changed_options, is_main_process

    base = load_recipe(chosen.recipe) if chosen.resume is None else Run(chosen.resume).config()
    usage = "condvae train [--recipe NAME|FILE.yaml] [--data SOURCE] [--out RUN] [--resume RUN] [any setting]"
    parser = SettingsParser(**parser_texts("train", train), usage=usage)
    parser.add_argument("--recipe", default=RECIPE, help=f"one of {', '.join(recipe_names())}, or a YAML file")
    parser.add_argument("--resume", metavar="RUN", help="continue the run in this folder, with its own settings")
    parser.add_argument("--out", help="run folder, new or empty (default: runs/RECIPE)")
    parser.add_argument("--data", help="data source: mnist, or idx:DIR")
    parser.add_class_arguments(ModelConfig, "model", instantiate=False)
    parser.add_class_arguments(TrainingConfig, "training", instantiate=False)
    add_trainer_options(parser)
    parser.set_defaults(dotted({"data": base.data, "model": vars(base.model), "training": vars(base.training)}))
    try:
        parser.set_defaults(dotted({"trainer": base.trainer}))
    except KeyError as error:
        raise ConfigError(f"Lightning's Trainer has no option that the recipe names: {error.args[0]}") from error
    settings = parser.parse_args(argv).as_dict()
    parts = {name: settings[name] for name in ("data", "model", "training")}
    config = Config.from_dict({**parts, "trainer": changed_options(settings["trainer"])})

    out = chosen.resume or Path(settings["out"] or f"runs/{Path(chosen.recipe).stem}")
    try:
        if chosen.resume:
            _require_same(base, config, settings)
            resume(out, config.trainer)
        else:
            fit(config, out)
    except KeyboardInterrupt:
        further = f"Continue with: condvae train --resume {out}" if Run(out).is_started else "Nothing was begun."
        raise KeyboardInterrupt(further) from None
    if is_main_process():
        print(f"Trained: {out}\nNext: condvae report {out}, condvae explore {out}")


def evaluate(argv: Arguments) -> None:
    """Measure a trained model, and the experiment's claims where they apply; writes evaluation.json, claims.json.

    Each part is written when it is measured; with --only the others stay as they are.

    Example: condvae evaluate runs/paper --only reconstruction codes accuracy
    """
    from condvae.evaluation.protocol import Choices

    usual, parser = Choices(), run_parser("evaluate", evaluate)
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="PART",
        default=[],
        help="reconstruction, codes, accuracy, likelihood, leak, obedience, memorisation, generation or score "
        "(default: all)",
    )
    parser.add_argument(
        "--mixture", action="store_true", help="score, obedience, memorisation: z from the ex-post mixture"
    )
    samples, images = "importance samples of log p(x|y)", "test images for it, class-balanced, or all"
    parser.add_argument(
        "--is-samples", type=int, default=usual.samples, metavar="K", help=f"{samples} (default: %(default)s)"
    )
    parser.add_argument("--images", default=str(usual.images), metavar="N", help=f"{images} (default: %(default)s)")
    arguments = parser.parse_args(argv)
    if arguments.images != "all" and not arguments.images.isdecimal():
        raise ConfigError(f"--images {arguments.images} is not possible; allowed: a number, or all.")
    study = _study(arguments)

    from condvae.evaluation.claims import assess
    from condvae.evaluation.evaluate import NEEDS
    from condvae.evaluation.evaluate import evaluate as measure
    from condvae.report.text import summary

    count = None if arguments.images == "all" else int(arguments.images)
    choices = Choices(arguments.is_samples, count, "mixture" if arguments.mixture else "prior")
    with _continuable("What was measured is kept; take the other parts with --only."):
        evaluation = measure(study, arguments.only, choices)
    claims = assess(study, evaluation) if evaluation.accuracy else []
    print(summary(evaluation, claims))
    for part in arguments.only:
        if not getattr(evaluation, part):
            print(f"\nThere is nothing to measure for '{part}': it needs {NEEDS[part]}.")
    print(f"\nWritten: {study.run.evaluation}")


def figure(argv: Arguments) -> None:
    """Draw one figure of a trained model, as PNG or SVG.

    Example: condvae figure compare runs/paper --labels 4 9 --z -3 3 --z 0 0 --out compare.svg
    """
    parser = command_parser("figure", figure)
    parser.add_argument(
        "name",
        metavar="NAME",
        help="style, compare, attributes, manifold, latent, reconstructions, curves, radius or tsne",
    )
    add_run(parser)
    parser.add_argument("--labels", nargs="+", metavar="LABEL", help="labels to draw (default: the figure's own)")
    add_z(parser)
    parser.add_argument("--mixture", action="store_true", help="draw styles from the ex-post mixture, not the prior")
    parser.add_argument("--out", type=Path, help="file ending in .png or .svg (default: RUN/figures/NAME.png)")
    arguments = parser.parse_args(argv)

    from condvae.report.figures import draw_figure
    from condvae.report.plots import require_format, save_figure

    out = arguments.out or arguments.run / "figures" / f"{arguments.name}.png"
    require_format(out)
    save_figure(draw_figure(arguments.name, _study(arguments), arguments.labels, arguments.z, arguments.mixture), out)
    print(f"Written: {out}")


def report(argv: Arguments) -> None:
    """Draw the figures of a trained model, and write one self-contained HTML file with all that was measured of it.

    Reconstruction, codes and accuracy are measured anew; the other parts are there if 'condvae evaluate' measured them.

    Example: condvae report runs/paper
    """
    study = _study(run_parser("report", report).parse_args(argv))

    from condvae.evaluation.claims import assess
    from condvae.evaluation.evaluate import QUICK
    from condvae.evaluation.evaluate import evaluate as measure
    from condvae.report.html import write_report

    evaluation = measure(study, QUICK)
    print(f"Written: {write_report(study, evaluation, assess(study, evaluation))}")


def generate(argv: Arguments) -> None:
    """Draw images of the labels you ask for, one or a million, as PNG files or as arrays in .npz files.

    Interrupted, it continues where it was when called again.

    Example: condvae generate runs/paper --label 3 --count 16 --out threes
    """
    parser = run_parser("generate", generate)
    parser.add_argument("--label", nargs="+", metavar="LABEL", help="one label or several, or none for a model without")
    parser.add_argument("--count", type=int, default=1, help="images of each label (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="decides the draw from the prior (default: %(default)s)")
    add_z(parser)
    add_set(parser)
    parser.add_argument("--mixture", action="store_true", help="draw z from the mixture that 'condvae evaluate' fitted")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="new folder, for PNG files in a folder for each label; or a file ending in .npz, numbered files if many",
    )
    arguments = parser.parse_args(argv)
    if arguments.count < 1:
        raise ConfigError(f"--count {arguments.count} is not possible; ask for at least 1 image.")
    if arguments.z and arguments.count != 1:
        raise ConfigError("--count draws z at random, --z sets it: give one of the two.")
    if arguments.z and arguments.mixture:
        raise ConfigError("--mixture draws z, --z sets it: give one of the two.")

    from condvae.inference.bulk import generate_files

    wanted = {"count": arguments.count, "z": arguments.z, "seed": arguments.seed, "mixture": arguments.mixture}
    wanted["attributes"] = attributes_of(arguments.set)
    with _continuable():
        count = generate_files(arguments.run, arguments.out, arguments.label, **wanted)
    print(f"Drew {count:,} images: {arguments.out}")


def encode(argv: Arguments) -> None:
    """Encode images into latent vectors: a folder with a folder for each label, or .npz files, of any number.

    Interrupted, it continues where it was when called again.

    Example: condvae encode runs/paper threes --out codes.npz
    """
    parser = run_parser("encode", encode)
    parser.add_argument("source", type=Path, metavar="IMAGES", help="folder of image files, or path ending in .npz")
    parser.add_argument("--label", metavar="LABEL", help="the label of all images, where their folders do not say it")
    add_set(parser)
    parser.add_argument("--out", type=Path, required=True, help="new file ending in .npz: mean, stddev, labels, files")
    arguments = parser.parse_args(argv)

    from condvae.inference.bulk import encode_files

    attributes = attributes_of(arguments.set)
    with _continuable():
        count = encode_files(arguments.run, arguments.source, arguments.out, arguments.label, attributes)
    print(f"Encoded {count:,} images: {arguments.out}")


def explore(argv: Arguments) -> None:
    """Play with a model on a page in the browser: generate, map, compare, restyle, animate; and an HTTP interface.

    Example: condvae explore runs/paper
    """
    from condvae.explorer.options import Options

    usual = Options()
    parser = command_parser("explore", explore)
    parser.add_argument(
        "run", nargs="?", type=Path, metavar="RUN", help="folder of a finished run (default: the model that ships)"
    )
    parser.add_argument("--host", default=usual.host, help="address to listen on (default: %(default)s, this machine)")
    parser.add_argument("--port", type=int, default=usual.port, help="port to listen on (default: %(default)s)")
    parser.add_argument(
        "--auth", metavar="USER:PASSWORD", help="what every request must give (default: $CONDVAE_AUTH, or nothing)"
    )
    parser.add_argument(
        "--origin", nargs="+", default=usual.origins, metavar="URL", help="sites whose pages may use the HTTP interface"
    )
    parser.add_argument(
        "--max-images", type=int, default=usual.most_images, help="in one answer (default: %(default)s)"
    )
    parser.add_argument(
        "--max-megabytes", type=float, default=usual.most_megabytes, help="of one request (default: %(default)s)"
    )
    given = parser.parse_args(argv)
    auth = os.environ.get("CONDVAE_AUTH", usual.auth) if given.auth is None else given.auth
    options = Options(given.host, given.port, auth, tuple(given.origin), given.max_images, given.max_megabytes)

    from condvae.evaluation.study import Study
    from condvae.run import PRETRAINED, Run

    study = Study(Run(given.run or PRETRAINED))
    title, source = (str(given.run), repr(str(given.run))) if given.run else ("condvae", "condvae.PRETRAINED")
    with options.listen() as listener:
        from condvae.explorer.server import serve

        serve(study, title, source, options, listener)


def data_fetch(argv: Arguments) -> None:
    """Fetch a data set into the cache, so that training needs no network.

    Example: condvae data fetch mnist
    """
    parser = command_parser("data fetch", data_fetch)
    parser.add_argument("source", metavar="SOURCE", help="mnist, or idx:DIR")
    arguments = parser.parse_args(argv)

    from condvae.data.sources import load_data

    data = load_data(arguments.source)
    print(f"{data.source}: {len(data.train):,} training and {len(data.test):,} test images are there.")


def data_info(argv: Arguments) -> None:
    """Say what is in a data set, and draw a contact sheet of it.

    Example: condvae data info mnist --out mnist.png
    """
    parser = command_parser("data info", data_info)
    parser.add_argument("source", metavar="SOURCE", help="mnist, or idx:DIR")
    parser.add_argument("--out", type=Path, help="contact sheet, ten images a class (default: SOURCE.png)")
    arguments = parser.parse_args(argv)

    from condvae.data.sources import load_data
    from condvae.files import write_bytes
    from condvae.images import class_sheet, png

    data = load_data(arguments.source)
    for name, part in (("train", data.train), ("test", data.test)):
        print(
            f"{name}: {len(part):,} images, (C, H, W) = {part.shape}, "
            f"values {part.images.min()} to {part.images.max()}, mean {part.images.mean():.1f}"
        )
    print("class        train     test")
    for (label, in_train), in_test in zip(data.train.counts().items(), data.test.counts().values(), strict=True):
        print(f"{label:<10} {in_train:>7} {in_test:>8}")
    out = arguments.out or Path(f"{arguments.source.rstrip('/').replace(':', '/').split('/')[-1]}.png")
    write_bytes(out, png(class_sheet(data.train.images, data.train.labels), scale=2))
    print(f"Contact sheet: {out}")


COMMANDS: dict[str, Command] = {
    "reproduce": reproduce,
    "train": train,
    "evaluate": evaluate,
    "figure": figure,
    "report": report,
    "generate": generate,
    "encode": encode,
    "explore": explore,
    "data fetch": data_fetch,
    "data info": data_info,
}


def main(argv: Arguments | None = None) -> int:
    """Run a command and return the exit status: 0, 1 for a foreseeable mistake, 2 for wrong usage, 130 for Ctrl-C."""
    given = sys.argv[1:] if argv is None else argv
    try:
        name, rest = _command(given)
        if name is None:
            print(_overview())
            return 0
        COMMANDS[name](rest)
    except KeyboardInterrupt as interrupt:
        print(f"\nInterrupted. {interrupt}", file=sys.stderr)
        return INTERRUPTED
    except CondvaeError as error:
        print(f"condvae: {error}", file=sys.stderr)
        return 1
    except OSError as error:  # such as a log that Lightning cannot write because the disk is full
        print(f"condvae: The operating system refused: {error}. Mend that and call the command again.", file=sys.stderr)
        return 1
    return 0


def _command(argv: Arguments) -> tuple[str | None, Arguments]:
    if not argv or argv[0] in ("-h", "--help"):
        return None, []
    if argv[0] == "--version":
        from importlib.metadata import version

        print(f"condvae {version('condvae')}")
        raise SystemExit(0)
    for words in (2, 1):
        name = " ".join(argv[:words])
        if name in COMMANDS:
            return name, argv[words:]
    if argv[0] == "data" and len(argv) > 1 and argv[1] in ("-h", "--help"):
        return None, []
    wanted = " ".join(argv[:2]) if argv[0] == "data" else argv[0]
    raise ConfigError(unknown("command", wanted, COMMANDS) + " See 'condvae --help'.")


def _overview() -> str:
    lines = [f"  {name:<11} {_summary(command)}" for name, command in COMMANDS.items()]
    return (
        "Conditional variational autoencoders for labelled images: any label, in any style.\n\n"
        "usage: condvae COMMAND ...\n\n"
        + "\n".join(lines)
        + "\n\n'condvae COMMAND --help' explains a command with an example; 'condvae --version' prints the version."
        "\nStart here: condvae reproduce"
    )


def _summary(command: Command) -> str:
    return (command.__doc__ or "").splitlines()[0]


@contextmanager
def _continuable(how: str = "Call the same command again to continue.") -> Iterator[None]:
    """Ctrl-C inside says how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(how) from None


def _study(arguments: Namespace) -> Any:
    from condvae.evaluation.study import Study
    from condvae.run import Run

    return Study(Run(arguments.run))


def _require_same(base: Any, config: Any, settings: dict[str, Any]) -> None:
    """A resumed run keeps its settings; only options of the Trainer may differ."""
    from condvae.config import dotted

    before, now = (dotted({**part.to_dict(), "trainer": None}) for part in (base, config))
    changed = [f"--{name}" for name in before if before[name] != now[name]]
    changed += ["--out"] if settings["out"] else []
    changed += ["--recipe"] if settings["recipe"] != RECIPE else []
    if changed:
        raise ConfigError(
            f"--resume continues a run with its own settings; {', '.join(changed)} cannot be given with it. Leave it "
            "out, or start a new run with --out. Options of the Trainer, such as --trainer.max_epochs, can be changed."
        )
