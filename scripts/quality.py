"""Train the recipes with two seeds, evaluate them, and write docs/quality.md: python -m scripts.quality [NAME ...]

The tables in the READMEs and the figures in the files of recipes are written, too.

All of it takes about five hours on two cores, and less on a cluster, whose address is given as --address. Each result
is kept in docs/quality/ with the settings that it belongs to. An interrupted call continues, and what is measured
already is left out. If all results are there, only the page is written. `python -m scripts.quality minutes` measures
how long training takes. Nothing else may run meanwhile.
"""

import json
import platform
import re
import sys
import tempfile
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from condvae.config import Config
from condvae.evaluation.evaluate import EDITION, evaluate, load_evaluation
from condvae.evaluation.part import parts
from condvae.evaluation.protocol import Protocol
from condvae.evaluation.study import Study
from condvae.plain import plain
from condvae.recipe import load_recipe
from condvae.run import SHIPPED, Run
from condvae.storage.files import write_text
from condvae.training.fit import fit
from scripts.quality_page import Results, page
from scripts.quality_peers import peers
from scripts.quality_rows import texts
from scripts.sweeps import arguments, trained

NAMES = ("paper", "fast", "plane", "plane-gaussian", "conv", "best", "attributes")
SEEDS = (0, 1)
RUNS, RESULTS, PAGE = Path("runs/quality"), Path("docs/quality"), Path("docs/quality.md")
SHIPPED_NAME, SHIPPED_RESULT = "plane-shipped", SHIPPED / "evaluation.json"
MINUTES = "minutes"  # the name of the file of training times
SHOWN = ("reconstruction", "codes", "accuracy", "likelihood", "styles", "control", "memorisation", "realism",
         "classifier_score")  # fmt: skip
TIMED = 2  # epochs of which the faster one is the time of an epoch


def main(argv: list[str]) -> None:
    """Measure what is missing, and write all texts."""
    options = arguments(__doc__, argv)
    if options.names == [MINUTES]:
        write(MINUTES, {name: minutes(settings(name, 0)) for name in NAMES})
    else:
        names = [name for name in options.names or NAMES if not all(load(name, seed) for seed in SEEDS)]
        configs = {name: settings(name, 0) for name in names}
        runs = trained(configs, len(SEEDS), RUNS, ["evaluate RUN"], options.address) if names else {}
        for (name, seed), run in runs.items():
            measure(name, seed, run)
    results = known_results()
    for path, text in {PAGE: "\n".join(page(results)), **texts(results)}.items():
        path.write_text(text, "utf-8")
        print(f"Written: {path}")


def settings(name: str, seed: int) -> Config:
    """The recipe of a name; `plane-gaussian` is `plane` for grey pixels: another likelihood, and one sample of z."""
    recipe, _, likelihood = name.partition("-")
    config = load_recipe(recipe)
    model, training = config.model, replace(config.training, seed=seed)
    if likelihood:
        model, training = replace(model, likelihood=likelihood), replace(training, samples=1)
    return replace(config, model=model, training=training)


def measure(name: str, seed: int, run: Run) -> None:
    """Write the result of a run. What its evaluation lacks is measured."""
    study = Study(run)
    known = load_evaluation(study)
    missing = [one for one in SHOWN if one not in known.parts and parts()[one].applies(study)]
    found = plain(evaluate(study, missing) if missing else known)
    require_usual(run, found)
    record = study.description["record"]
    config = settings(name, seed).to_dict()
    write(f"{name}-{seed}", {"config": config, "record": record, "processor": platform.processor(), **found})


def require_usual(run: Run, found: dict[str, Any]) -> None:
    """Make sure that an evaluation was made with the default protocol."""
    measured = found["parts"]
    drawn = [measured.get("classifier_score"), *measured.get("control", ())]
    usual = all(one["prior"] == Protocol().usual_prior for one in drawn if one)
    nll = measured.get("likelihood", {}).get("nll")
    wanted = f"All test images.* {Protocol().importance_samples:,} importance samples"
    if not usual or (nll and not re.search(wanted, nll["protocol"])):
        raise SystemExit(f"{run.evaluation} was not measured with the default protocol. Delete it.")


def minutes(config: Config) -> float:
    """How long training takes on all cores of this machine, by the fastest of its first epochs."""
    epochs = config.trainer["max_epochs"]
    short = replace(config, trainer={**config.trainer, "max_epochs": min(epochs, TIMED)})
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        fit(short, run.path)
        ends = [0.0, *(row["seconds"] for row in run.history() if "seconds" in row)]
    return epochs * min(end - start for start, end in pairwise(ends)) / 60


def load(name: str, seed: int) -> dict[str, Any] | None:
    """The result of a recipe with a seed. None if there is none of its present settings and of the present edition."""
    path = RESULTS / f"{name}-{seed}.json"
    found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    is_current = bool(found) and found["edition"] == EDITION
    return found if is_current and Config.from_dict(found["config"]) == settings(name, seed) else None


def known_results() -> Results:
    """The results of each recipe that has any, one for each seed."""
    found = {name: [load(name, seed) for seed in SEEDS] for name in NAMES}
    known = {name: [one for one in versions if one] for name, versions in found.items() if any(versions)}
    if SHIPPED_RESULT.is_file():
        known[SHIPPED_NAME] = [json.loads(SHIPPED_RESULT.read_text("utf-8"))]
    path = RESULTS / f"{MINUTES}.json"
    times = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    before = json.loads((RESULTS / "before.json").read_text("utf-8"))
    return Results(known, times, before, peers())


def write(name: str, content: dict[str, Any]) -> None:
    write_text(RESULTS / f"{name}.json", json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
