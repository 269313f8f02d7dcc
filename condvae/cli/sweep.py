"""sweep: many trainings, on this machine or on a cluster."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from condvae.cli.options import Command, add_address, add_out
from condvae.errors import ConfigError

SHOW = "show"


def _options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="SWEEP.yaml", help="what is tried; or 'show' and the folder of a sweep"
    )
    add_out(parser, "folder of the sweep, new or empty (default: runs/ and the name of the file)")
    parser.add_argument("--resume", type=Path, metavar="SWEEP", help="go on with the sweep in this folder")
    add_address(parser)


def sweep(arguments: Namespace) -> None:
    """Train with many settings or seeds, on this machine or on a Ray cluster.

    SWEEP.yaml says which settings are tried: all combinations of lists, or draws from ranges, at random or by Bayesian
    search. Trials that do badly on held-out images can be stopped early. Each trial is a run folder. A table shows the
    results so far. The page sweep.html has the table, with intervals over seeds, and curves. If the command is
    interrupted, --resume goes on. 'condvae sweep show FOLDER' shows the results at any time.

    Example: condvae sweep latent.yaml --out runs/latent
    """
    from condvae.cluster.results import write_page
    from condvae.cluster.table import live, show

    first, *rest = arguments.words or [""]
    if first == SHOW:
        _require(
            len(rest) == 1 and not arguments.resume and not arguments.out, "'condvae sweep show' needs one folder."
        )
        show(Path(rest[0]))
        return
    from condvae.cluster.plan import load_plan
    from condvae.cluster.sweep import resume_sweep
    from condvae.cluster.sweep import sweep as begin

    _require(not rest and bool(first) != bool(arguments.resume), "Name one file, or --resume and a folder.")
    _require(not (arguments.resume and arguments.out), "--resume goes on in its own folder. Leave --out out.")
    out = arguments.resume or arguments.out or Path("runs") / Path(first).stem
    plan = None if arguments.resume else load_plan(Path(first))
    try:
        with live(out):
            found = resume_sweep(out, arguments.address) if plan is None else begin(plan, out, arguments.address)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"Continue with: condvae sweep --resume {out}") from None
    show(out)
    print(f"Written: {write_page(found)}")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise ConfigError(f"{problem} See 'condvae sweep --help'.")


COMMANDS = (Command("sweep", _options, sweep, extras=("train", "report", "ray")),)
