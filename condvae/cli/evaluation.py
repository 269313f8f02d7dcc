"""evaluate, figure and report: how good a model is."""

from argparse import ArgumentParser, Namespace
from typing import Any

from condvae.cli.interrupts import continuable
from condvae.cli.options import Command, add_device, add_label, add_out, add_prior, add_run, add_z
from condvae.errors import ConfigError, unknown

ALL = "all"


def _evaluate_options(parser: ArgumentParser) -> None:
    from condvae.evaluation.part import parts
    from condvae.evaluation.protocol import Protocol

    usual = Protocol()
    add_run(parser)
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="PART",
        default=[],
        help="parts to measure (default: all except labels, and augmentation only if classes are unequal)",
    )
    drawn = "control, classifier_score and augmentation"
    default = "mixture in the part augmentation, as in condvae augment, and prior in the others"
    add_prior(parser, f"where latent vectors are drawn from, in the parts {drawn}", usual.prior, default)
    parser.add_argument(
        "--importance-samples",
        type=int,
        default=usual.importance_samples,
        metavar="K",
        help="number of importance samples of z; only some images get all of them (default: %(default)s)",
    )
    parser.add_argument(
        "--images",
        default=ALL if usual.images is None else str(usual.images),
        metavar="N",
        help="number of test images for importance sampling, or all (default: %(default)s)",
    )
    parser.add_argument(
        "--classifier-seeds",
        type=int,
        default=usual.classifier_seeds,
        metavar="N",
        help="number of seeds of the classifiers in the part augmentation (default: %(default)s)",
    )
    parser.add_argument(
        "--classifier-steps",
        type=int,
        default=usual.classifier_steps,
        metavar="N",
        help="number of training steps of each of these classifiers (default: %(default)s)",
    )
    parser.add_argument(
        "--flips",
        action="store_true",
        help="mirror images, left to right, in the classical augmentation of the part augmentation",
    )
    add_device(parser)
    width = max(map(len, parts()))
    parser.epilog = "parts:\n" + "\n".join(f"  {name:<{width}}  {part.title}" for name, part in parts().items())


def evaluate(arguments: Namespace) -> None:
    """Measure how good a trained model is.

    Writes evaluation.json, and claims.json if the claims of the experiment apply to the model. Each part is written
    when it is measured. With --only, the other parts keep what was measured before. Without it, the part augmentation
    is measured only if the rarest class has at most half as many images as the largest, and the part labels not at all.

    Example: condvae evaluate runs/paper --only reconstruction codes accuracy
    """
    if arguments.images != ALL and not arguments.images.isdecimal():
        raise ConfigError(f"--images must be a number, or {ALL}, got {arguments.images}.")

    from condvae.evaluation.claims import assess
    from condvae.evaluation.evaluate import evaluate as measure
    from condvae.evaluation.part import find_part
    from condvae.evaluation.protocol import Protocol
    from condvae.report.text import summary

    images = None if arguments.images == ALL else int(arguments.images)
    names = ("importance_samples", "prior", "classifier_seeds", "classifier_steps", "flips")
    protocol = Protocol(images=images, **{name: getattr(arguments, name) for name in names})
    chosen = [find_part(name) for name in arguments.only]
    study = _study(arguments)
    with continuable("What was measured is kept. Measure the other parts with --only."):
        evaluation = measure(study, arguments.only, protocol)
    claims = assess(study, evaluation)
    print(summary(evaluation, claims))
    for part in chosen:
        if not evaluation[part.name]:
            print(f"\n{part.nothing_to_measure}")
    print(f"\nWritten: {study.run.evaluation}")


def _figure_options(parser: ArgumentParser) -> None:
    from condvae.report.figures import FIGURES

    parser.add_argument("name", metavar="NAME", help="the figure, one of those listed below")
    add_run(parser)
    add_label(parser, "labels to draw (default: those of the figure)")
    add_z(parser)
    add_prior(parser, "where latent vectors are drawn from")
    add_device(parser)
    add_out(parser, "file ending in .png or .svg (default: RUN/figures/NAME.png)")
    width = max(map(len, FIGURES))
    parser.epilog = "figures:\n" + "\n".join(
        f"  {name:<{width}}  {one.caption.partition('. ')[0].rstrip('.')}" for name, one in FIGURES.items()
    )


def figure(arguments: Namespace) -> None:
    """Draw one figure of a trained model, as PNG or SVG.

    Example: condvae figure compare pretrained --label 4 9 --z -3 3 --z 0 0 --out compare.svg
    """
    from condvae.report.figures import FIGURES, draw_figure
    from condvae.report.plots import require_format, save_figure

    if arguments.name not in FIGURES:  # before the pretrained run is copied
        raise ConfigError(unknown("figure", arguments.name, FIGURES))
    if arguments.out:
        require_format(arguments.out)
    study = _study(arguments)
    out = arguments.out or study.run.path / "figures" / f"{arguments.name}.png"
    save_figure(draw_figure(arguments.name, study, arguments.label, arguments.z, arguments.prior), out)
    print(f"Written: {out}")


def _report_options(parser: ArgumentParser) -> None:
    add_run(parser)
    add_device(parser)


def report(arguments: Namespace) -> None:
    """Write one HTML file with the figures and everything measured of a model.

    The file opens offline. Parts of the evaluation that take only seconds are measured anew. The other parts are in
    the report if 'condvae evaluate' measured them.

    Example: condvae report runs/paper
    """
    from condvae.evaluation.claims import assess
    from condvae.evaluation.evaluate import evaluate as measure
    from condvae.evaluation.evaluate import quick_parts
    from condvae.report.html import write_report

    study = _study(arguments)
    evaluation = measure(study, quick_parts())
    print(f"Written: {write_report(study, evaluation, assess(study, evaluation))}")


def _study(arguments: Namespace) -> Any:
    from condvae.evaluation.study import Study
    from condvae.model.devices import find_device
    from condvae.run import Run

    return Study(Run.find(arguments.run_folder).own(), device=find_device(arguments.device))


COMMANDS = (
    Command("evaluate", _evaluate_options, evaluate, extras=("report",)),
    Command("figure", _figure_options, figure, extras=("report",)),
    Command("report", _report_options, report, extras=("report",)),
)
