"""Train the recipes with two seeds, evaluate them, and write docs/quality.md: python -m scripts.quality [NAME ...]

The tables in the READMEs and the figures in the files of recipes are written, too.

All of it takes about five hours on two cores. Each result is kept in docs/quality/ with the settings that it belongs
to. An interrupted call, or a call for other names, continues with what is there. If all results are there, only the
page is written. `python -m scripts.quality minutes` measures how long training takes. Nothing else may run meanwhile.
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
from condvae.files import write_text
from condvae.plain import plain
from condvae.recipe import load_recipe
from condvae.run import Run
from condvae.training.fit import fit, resume
from scripts.quality_page import Results, page
from scripts.quality_rows import texts

NAMES = ("paper", "fast", "plane", "plane-gaussian", "conv", "best", "attributes")
SEEDS = (0, 1)
RUNS, RESULTS, PAGE = Path("runs/quality"), Path("docs/quality"), Path("docs/quality.md")
MINUTES = "minutes"  # the name of the file of training times
SHOWN = ("reconstruction", "codes", "accuracy", "likelihood", "styles", "control", "memorisation", "realism",
         "classifier_score")  # fmt: skip
TIMED = 2  # epochs of which the faster one is the time of an epoch


def main(names: list[str]) -> None:
    """Measure what is missing, and write all texts."""
    if names == [MINUTES]:
        write(MINUTES, {name: minutes(settings(name, 0)) for name in NAMES})
    else:
        for seed in SEEDS:
            for name in names or NAMES:
                measure(name, seed)
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


def measure(name: str, seed: int) -> None:
    """Train and evaluate one recipe with one seed, unless the result is there already."""
    if load(name, seed):
        return
    config = settings(name, seed)
    run = Run(RUNS / f"{name}-{seed}")
    if run.is_started and run.config() != config:
        raise SystemExit(f"{run.path} was trained with other settings than those of recipe {name}. Delete it.")
    print(f"{name}, seed {seed}", flush=True)
    if not run.is_finished:
        resume(run.path) if run.is_started else fit(config, run.path)
    study = Study(run)
    known = load_evaluation(study)
    missing = [one for one in SHOWN if one not in known.parts and parts()[one].applies(study)]
    found = plain(evaluate(study, missing) if missing else known)
    require_usual(run, found)
    record = study.description["record"]
    write(f"{name}-{seed}", {"config": config.to_dict(), "record": record, "processor": platform.processor(), **found})


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
    path = RESULTS / f"{MINUTES}.json"
    times = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    before = json.loads((RESULTS / "before.json").read_text("utf-8"))
    return Results(known, times, before)


def write(name: str, content: dict[str, Any]) -> None:
    write_text(RESULTS / f"{name}.json", json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
