"""Train the recipes with three seeds, evaluate them, and write docs/quality.md: python scripts/quality.py [NAME ...]

All of it takes seven hours on two cores. Each result is kept in docs/quality/ with the settings that it belongs to. An
interrupted call, or a call for other names, continues with what is there. If all results are there, only the page is
written.
"""

import json
import platform
import re
import sys
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from condvae.config import Config
from condvae.evaluation.evaluate import EDITION, evaluate, load_evaluation
from condvae.evaluation.part import parts
from condvae.evaluation.protocol import Protocol
from condvae.evaluation.study import Study
from condvae.plain import plain
from condvae.recipe import load_recipe
from condvae.run import Run
from condvae.training.fit import fit, resume

SEEDS = (0, 1, 2)
RUNS, RESULTS, PAGE = Path("runs/quality"), Path("docs/quality"), Path("docs/quality.md")
# goals of each recipe: the name of a figure, its place in a result, at least or at most, and the bound
GOALS: dict[str, list[tuple[str, str, str, float]]] = {
    "paper": [("conditional accuracy, ex-post mixture", "accuracy/mixture", "≥", 0.96)],
    "plane": [
        ("-log p(x\\|y), nats", "likelihood/nll", "≤", 124.0),
        ("conditional accuracy from the prior", "accuracy/prior", "≥", 0.98),
    ],
    "plane-gaussian": [("reconstruction MSE", "reconstruction/mse", "≤", 0.0295)],
    "conv": [
        ("minutes of training", "minutes", "≤", 10.0),
        ("-log p(x\\|y), nats", "likelihood/nll", "≤", 82.0),
        ("conditional accuracy from the prior", "accuracy/prior", "≥", 0.98),
        ("Frechet distance / floor", "frechet", "≤", 5.0),
        ("classification accuracy score, means", "classifier_score/mean", "≥", 0.975),
        ("classification accuracy score, samples", "classifier_score/sample", "≥", 0.975),
    ],
    "best": [
        ("minutes of training", "minutes", "≤", 60.0),
        ("-log p(x\\|y), nats", "likelihood/nll", "≤", 80.5),
        ("conditional accuracy from the prior", "accuracy/prior", "≥", 0.99),
        ("classification accuracy score, means", "classifier_score/mean", "≥", 0.983),
        ("classification accuracy score, samples", "classifier_score/sample", "≥", 0.983),
    ],
    "attributes": [
        ("slant, requested against measured, correlation", "control/0/correlation", "≥", 0.95),
        ("thickness, requested against measured, correlation", "control/1/correlation", "≥", 0.95),
        ("conditional accuracy from the prior", "accuracy/prior", "≥", 0.97),
    ],
}
TABLES: dict[str, list[tuple[str, str]]] = {
    "Conditional accuracy, and accuracy of a classifier trained on generated images": [
        ("conditional accuracy, prior", "accuracy/prior"),
        ("ex-post mixture", "accuracy/mixture"),
        ("accuracy score, means", "classifier_score/mean"),
        ("samples", "classifier_score/sample"),
        ("real images", "classifier_score/ceiling"),
    ],
    "Comparison with real images": [
        ("Frechet distance", "realism/0/frechet"),
        ("its floor", "realism/0/frechet_floor"),
        ("Frechet / floor", "frechet"),
        ("Frechet / floor, no conditions", "unlabelled"),
        ("precision", "realism/0/precision"),
        ("recall", "realism/0/recall"),
        ("coverage", "realism/0/coverage"),
    ],
    "Codes and cost": [
        ("label from z, probe", "styles/probe"),
        ("test MSE", "reconstruction/mse"),
        ("minutes of training", "minutes"),
    ],
}
ATTRIBUTES = [
    (f"{name}, {title}", f"control/{number}/{key}")
    for number, name in enumerate(("slant", "thickness"))
    for title, key in (("correlation", "correlation"), ("within labels", "within"), ("mean absolute error", "error"))
]
NATS = [("-ELBO", "bound"), ("KL", "divergence"), ("active units", "active_units"), ("-log p(x\\|y)", "nll"),
        ("bits per dimension", "bits"), ("-log p(x)", "marginal")]  # fmt: skip


def main(names: list[str]) -> None:
    for seed in SEEDS:
        for name in names or GOALS:
            measure(name, seed)
            PAGE.write_text("\n".join(page()), "utf-8")
    print(PAGE.read_text("utf-8"))


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
    config, path = settings(name, seed), RESULTS / f"{name}-{seed}.json"
    run = Run(RUNS / f"{name}-{seed}")
    if run.is_started and run.config() != config:
        raise SystemExit(f"{run.path} was trained with other settings than those of recipe {name}. Delete it.")
    print(f"{name}, seed {seed}", flush=True)
    if not run.is_finished:
        resume(run.path) if run.is_started else fit(config, run.path)
    study = Study(run)
    known = load_evaluation(study)
    missing = [name for name, part in parts().items() if name not in known.parts and part.applies(study)]
    found = plain(evaluate(study, missing) if missing else known)
    record = study.description["record"]
    require_usual(run, found)
    content = {"config": config.to_dict(), "record": record, "processor": platform.processor(), **found}
    content["minutes"] = {"value": record["seconds"] / 60}
    RESULTS.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def require_usual(run: Run, found: dict[str, Any]) -> None:
    """Make sure that an evaluation was made with the default protocol."""
    measured = found["parts"]
    drawn = [measured.get("classifier_score"), *measured.get("control", ())]
    usual = all(one["prior"] == Protocol().usual_prior for one in drawn if one)
    nll = measured.get("likelihood", {}).get("nll")
    wanted = f"All test images. .* {Protocol().importance_samples:,} importance samples"
    if not usual or (nll and not re.search(wanted, nll["protocol"])):
        raise SystemExit(f"{run.evaluation} was not measured with the default protocol. Delete it.")


def page() -> list[str]:
    results = {name: [load(name, seed) for seed in SEEDS] for name in GOALS}
    known = {name: [one for one in versions if one] for name, versions in results.items() if any(versions)}
    lines = ["# Quality of the recipes", "", INTRODUCTION, ""]
    if not known:
        return [*lines, "No recipe has been measured with its present settings.", ""]
    lines += ["## Goals", "", *goals(known)]
    lines += [
        "",
        "In the tables that follow, images are decoder means with z from the prior, unless a column says more.",
    ]
    for title, columns in TABLES.items():
        lines += ["", f"## {title}", "", *table(known, columns)]
    kinds = {name: (at(versions[0], "likelihood") or {}).get("measures") for name, versions in known.items()}
    for kind in sorted({kind for kind in kinds.values() if kind}):
        own = {name: versions for name, versions in known.items() if kinds[name] == kind}
        lines += ["", f"## Likelihood: {kind}", "", *table(own, [(title, f"likelihood/{key}") for title, key in NATS])]
    if "attributes" in known:
        lines += [
            "",
            "`attributes` is given the slant and the thickness of the image itself, which lowers its figures in nats.",
        ]
        lines += ["", "## Control of attributes", "", *table({"attributes": known["attributes"]}, ATTRIBUTES)]
    return [*lines, "", "## Protocols", "", *protocol_lines(known), ""]


def goals(known: dict[str, list[dict[str, Any]]]) -> list[str]:
    lines = ["| recipe | figure | goal | measured | each seed | reached |", "|---|---|---|---|---|---|"]
    for name, versions in known.items():
        for title, place, sign, bound in GOALS[name]:
            figures = [at(one, place) for one in versions]
            values = [figure["value"] for figure in figures]
            reached = sum(v <= bound if sign == "≤" else v >= bound for v in values)
            seeds = ", ".join(f"{v:.4g}" for v in values)
            lines.append(
                f"| `{name}` | {title} | {sign} {bound:g} | {spread(figures)} | {seeds} | {reached} of {len(values)} |"
            )
    return lines


def table(known: dict[str, list[dict[str, Any]]], columns: list[tuple[str, str]]) -> list[str]:
    lines = [f"| recipe | seeds | {' | '.join(title for title, _ in columns)} |", "|---" * (len(columns) + 2) + "|"]
    for name, versions in known.items():
        cells = [spread([at(one, place) for one in versions]) for _, place in columns]
        lines.append(f"| `{name}` | {len(versions)} | {' | '.join(cells)} |")
    return lines


def protocol_lines(known: dict[str, list[dict[str, Any]]]) -> list[str]:
    """How each figure was measured, and on how many items. Recipes are named if they were measured differently."""
    places = [column for columns in TABLES.values() for column in columns]
    places += [*((title, f"likelihood/{key}") for title, key in NATS), *ATTRIBUTES]
    lines = []
    for title, place in places:
        named: dict[str, list[str]] = {}
        for name, versions in known.items():
            figure = at(versions[0], place)
            if figure and "protocol" in figure:
                named.setdefault(f"(n = {figure['count']:,}): {figure['protocol']}", []).append(f"`{name}`")
        for protocol, names in named.items():
            whose = f", {', '.join(names)}" if len(named) > 1 else ""
            lines.append(f"- {title}{whose} {protocol}")
    return lines


def load(name: str, seed: int) -> dict[str, Any] | None:
    """The result of a recipe with a seed. None if there is none of its present settings and of the present edition."""
    path = RESULTS / f"{name}-{seed}.json"
    found = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    is_current = bool(found) and found["edition"] == EDITION
    return found if is_current and Config.from_dict(found["config"]) == settings(name, seed) else None


def at(result: dict[str, Any], place: str) -> Any:
    """A figure by its place, such as "accuracy/prior" in the parts or "minutes" beside them. None if there is none."""
    found: Any = {**result, **result["parts"]}
    for step in place.split("/"):
        found = found and (found[int(step)] if step.isdecimal() else found.get(step))
    return found


def spread(figures: list[dict[str, Any] | None]) -> str:
    """Mean of the seeds ± their standard deviation (standard error of one of them)."""
    known = [figure for figure in figures if figure]
    if not known:
        return "-"
    values, errors = ([figure[key] for figure in known if key in figure] for key in ("value", "error"))
    deviation = f" ± {stdev(values):.2g}" if len(values) > 1 else ""
    return f"{mean(values):.4g}{deviation}" + (f" ({mean(errors):.2g})" if errors else "")


INTRODUCTION = f"""This page is written by `python scripts/quality.py`, from the results in `docs/quality/`. Each recipe
is trained with the seeds {", ".join(map(str, SEEDS))} on two cores and evaluated by `condvae evaluate`. A cell has
the mean over seeds ± the standard deviation over seeds, and in brackets the standard error of the figure of one seed.
All seeds are measured on the same images, so the deviation over seeds does not show the influence of the images. The
recipe `paper` trains on all training images, and all other recipes hold 5,000 of them out. Images are judged by the
classifier that ships with condvae; see `condvae/weights/judge-mnist.json`.

Two settings of `conv` and `attributes`, Muon and the weight 0.8 of the KL term, were chosen by the Frechet distance to
the test images. This distance may therefore be slightly optimistic for these recipes.

These results were measured before the estimators of the evaluation changed (see the changelog), and will be measured
again."""


if __name__ == "__main__":
    main(sys.argv[1:])
