"""The page docs/quality.md, from results."""

from typing import Any, NamedTuple

from scripts import quality_texts as texts
from scripts.quality_cells import JUDGED, RANDOM, Result, at, compared, figures, over_seeds, shared, spread, table
from scripts.quality_peers import Tables, beside_others

PIXELS = "pixels, averaged over 2 x 2 and shifted by at most one pixel"
STYLES = ("slant", "thickness", "ink", "width")
WAYS = {
    "real training images": "training images mean given",
    "real training images, binarised": "training images sample given",
    "prior, means": "prior mean given",
    "prior, samples": "prior sample given",
    "mixture, means": "mixture mean given",
    "mixture, samples": "mixture sample given",
    "no conditions, means": "prior mean none",
}
MEANS = WAYS["prior, means"]
# goals of each recipe: the name of a figure, its place in a result, at least or at most, and the bound
Goal = tuple[str, str, str, float]
OBEYED: Goal = ("labels obeyed, prior, means", "accuracy/prior", "≥", 0.98)
SCORE, NLL = "classification accuracy score", "-log p(x\\|y), nats"
GOALS: dict[str, list[Goal]] = {
    "paper": [("labels obeyed, mixture, means", "accuracy/mixture", "≥", 0.96)],
    "fast": [("reconstruction, squared error", "reconstruction/mse", "≤", 0.0328)],
    "plane": [(NLL, "likelihood/nll", "≤", 124.0), OBEYED],
    "plane-gaussian": [("reconstruction, squared error", "reconstruction/mse", "≤", 0.0295)],
    "conv": [
        (NLL, "likelihood/nll", "≤", 82.0),
        OBEYED,
        ("Frechet distance, prior, means", compared(MEANS, "frechet"), "≤", 0.18),
        (f"{SCORE}, means", "classifier_score/mean", "≥", 0.975),
        (f"{SCORE}, samples", "classifier_score/sample", "≥", 0.975),
    ],
    "best": [
        (NLL, "likelihood/nll", "≤", 80.5),
        (*OBEYED[:3], 0.99),
        (f"{SCORE}, means", "classifier_score/mean", "≥", 0.983),
        (f"{SCORE}, samples", "classifier_score/sample", "≥", 0.983),
    ],
    "attributes": [
        ("slant, requested against measured, correlation", "control/slant/correlation", "≥", 0.95),
        ("thickness, requested against measured, correlation", "control/thickness/correlation", "≥", 0.95),
        (*OBEYED[:3], 0.97),
    ],
}
SHARED: list[Goal] = [(f"{style} shared between labels", shared(style), "≥", 0.5) for style in STYLES[:3]]
Columns = dict[str, str]
CODES: Columns = {
    "squared error": "reconstruction/mse",
    "SSIM": "reconstruction/ssim",
    "label from z, linear probe": "styles/linear",
    "nearest neighbours": "styles/neighbours",
    "chance": "styles/chance",
}
AGREEMENT: Columns = {style: shared(style) for style in STYLES}
SCORES: Columns = {
    "means": "classifier_score/mean",
    "samples": "classifier_score/sample",
    "real training images": "classifier_score/ceiling",
}
IMAGES: Columns = {name: name for name in ("frechet", "precision", "recall", "density", "coverage")}
NATS: Columns = {
    "-ELBO": "bound",
    "KL term": "divergence",
    "active units": "active_units",
    "-log p(x\\|y)": "nll",
    "bits per dimension": "bits",
    "-log p(x)": "marginal",
    "-log p(x\\|y), fixed binarisation": "fixed/nll",
    "-log p(x), fixed": "fixed/marginal",
    "500 to 5,000 samples": "gap",
    "effective samples of 5,000": "effective",
    "accuracy of argmax p(x\\|y)": "classifier/accuracy",
}
CONTROL: Columns = {
    "correlation": "correlation",
    "within labels": "within",
    "mean absolute error": "error",
    "mean difference": "offset",
    "spread of requests": "spread",
}
BY_CLASS: Columns = {
    "real test images recognised": "accuracy/by_class/{}/real",
    "labels obeyed, prior": "accuracy/by_class/{}/prior",
    "mixture": "accuracy/by_class/{}/mixture",
    "accuracy score, means": "classifier_score/mean_by_class/{}",
    "samples": "classifier_score/sample_by_class/{}",
    "real": "classifier_score/ceiling_by_class/{}",
    "recall, prior, means": compared(MEANS, "recall_by_class/{}"),
    "coverage": compared(MEANS, "coverage_by_class/{}"),
    "-log p(x\\|y)": "likelihood/nll_by_class/{}",
    **{f"{style} shared": f"styles/agreement/{style}/by_class/{{}}" for style in STYLES},
}
COPIES: Columns = {
    "prior": "generated/z from the prior",
    "mixture": "generated/z from the mixture",
    **{name: f"controls/control: {name}" for name in (
        "copied", "blurred", "noisy", "shifted", "averaged pairs", "reconstructed",
    )},
}  # fmt: skip


class Results(NamedTuple):
    """What the page shows.

    Attributes:
        known: the results of each recipe, one for each seed.
        minutes: training time of recipes on two cores.
        before: figures of earlier estimators and settings, by recipe and place, one for each seed.
        peers: the tables of other generators.
    """

    known: dict[str, list[Result]]
    minutes: dict[str, float]
    before: dict[str, dict[str, list[float]]]
    peers: Tables


def page(results: Results) -> list[str]:
    """The lines of the page."""
    known = results.known
    lines = ["# Quality of the recipes", "", texts.INTRODUCTION]
    if not known:
        return [*lines, "", "No recipe has been measured with its present settings.", ""]
    lines += ["", "## Goals", "", texts.GOALS, "", *goals(known)]
    lines += ["", "## Labels share their styles", "", texts.SHARING, "", *by_recipe(known, AGREEMENT)]
    for name, versions in known.items():
        lines += ["", f"## Images of `{name}`", "", *images(versions)]
    lines += [
        "",
        "## Accuracy of classifiers trained on generated images",
        "",
        texts.SCORED,
        "",
        *by_recipe(known, SCORES),
    ]
    for kind, own in kinds(known).items():
        places = {title: f"likelihood/{key}" for title, key in NATS.items()}
        lines += ["", f"## Likelihood: {kind}", "", texts.LIKELIHOOD, "", *by_recipe(own, places)]
    lines += ["", "## Codes and reconstructions", "", *by_recipe(known, CODES, results.minutes)]
    if "attributes" in known:
        lines += ["", "## Control of attributes", "", *control(known["attributes"])]
    lines += ["", "## Copies of training images", "", texts.COPYING]
    for distance in (PIXELS, JUDGED):
        places = {title: f"memorisation/by_distance/{distance}/{place}/flagged" for title, place in COPIES.items()}
        lines += ["", f"By {distance}:", "", *by_recipe(known, places)]
    lines += ["", "## Each class", "", texts.EACH_CLASS]
    for name, versions in known.items():
        lines += ["", f"`{name}`:", "", *classes(versions)]
    lines += ["", "## Before and after", "", texts.CHANGES, "", *changes(results)]
    lines += beside_others(results.peers)
    return [*lines, "", "## Protocols", "", *protocols(known), ""]


def goals(known: dict[str, list[Result]]) -> list[str]:
    rows = []
    for name, versions in known.items():
        for title, place, sign, bound in GOALS.get(name, []) + SHARED:
            found = figures(versions, place)
            values = [figure["value"] for figure in found]
            if values:  # attributes that are conditions have no agreement
                reached = sum(value <= bound if sign == "≤" else value >= bound for value in values)
                seeds = ", ".join(f"{value:.4g}" for value in values)
                count = f"{reached} of {len(values)}"
                rows.append([f"`{name}`", title, f"{sign} {bound:g}", spread(found), seeds, count])
    return table(["recipe", "figure", "goal", "measured", "each seed", "reached"], rows)


def by_recipe(known: dict[str, list[Result]], columns: Columns, minutes: dict[str, float] | None = None) -> list[str]:
    """A table with a row for each recipe that has any of the figures."""
    rows, head = [], ["recipe", "seeds", *columns, *(["training, minutes"] if minutes else [])]
    for name, versions in known.items():
        cells = [spread(figures(versions, place)) for place in columns.values()]
        if any(cell != "-" for cell in cells):
            time = [f"{minutes[name]:.2g}" if name in minutes else "-"] if minutes else []
            rows.append([f"`{name}`", str(len(versions)), *cells, *time])
    return table(head, rows)


def images(versions: list[Result]) -> list[str]:
    """Real images, and images drawn in each way, side by side."""
    rows, warnings = [], []
    for title, way in WAYS.items():
        if not at(versions[0], f"realism/{way}"):
            continue
        cells = [spread(figures(versions, f"realism/{way}/accuracy"))]
        cells += [spread(figures(versions, compared(way, name))) for name in IMAGES]
        for features in (JUDGED, RANDOM):
            kernel, p_value = (figures(versions, compared(way, name, features)) for name in ("kernel", "p_value"))
            each = ", ".join(f"{one['value']:.2g}" for one in p_value)
            cells.append(f"{spread(kernel)}, p = {each}")
        rows.append([title, *cells])
        warnings += [one for one in [at(versions[0], f"realism/{way}/warning")] if one]
    head = ["images", "labels obeyed", "Frechet distance", *list(IMAGES)[1:], "kernel distance", "by random features"]
    return [*table(head, rows), *(line for one in warnings for line in ("", one))]


def kinds(known: dict[str, list[Result]]) -> dict[str, dict[str, list[Result]]]:
    """Recipes by what their likelihood measures. Only those of one kind can be compared."""
    found: dict[str, dict[str, list[Result]]] = {}
    for name, versions in known.items():
        kind = at(versions[0], "likelihood/measures")
        if kind:
            found.setdefault(kind, {})[name] = versions
    return found


def control(versions: list[Result]) -> list[str]:
    rows = [
        [name, *(spread(figures(versions, f"control/{name}/{key}")) for key in CONTROL.values())]
        for name in ("slant", "thickness")
    ]
    return table(["attribute", *CONTROL], rows)


def classes(versions: list[Result]) -> list[str]:
    rows: list[list[str]] = []
    for number in range(10):
        found = (figures(versions, place.format(number)) for place in BY_CLASS.values())
        rows.append([str(number), *(spread(own) for own in found)])
    return table(["class", *BY_CLASS], rows)


def changes(results: Results) -> list[str]:
    """Every figure that was measured before, beside the present one."""
    places = list(dict.fromkeys(place for own in results.before.values() for place in own))
    rows = []
    for place in places:
        cells = []
        for name, own in results.before.items():
            now = spread(figures(results.known.get(name, []), place))
            cells.append(f"{over_seeds(own[place]) if place in own else '-'} → {now}")
        rows.append([place.replace("/", ", "), *(cell.replace("- → -", "-") for cell in cells)])
    return table(["figure", *(f"`{name}`" for name in results.before)], rows)


def protocols(known: dict[str, list[Result]]) -> list[str]:
    """How each figure was measured, and on how many items. Recipes are named if they were measured differently."""
    columns: Columns = CODES | AGREEMENT | {f"accuracy score, {title}": place for title, place in SCORES.items()}
    columns |= {f"labels obeyed, {title}": f"realism/{way}/accuracy" for title, way in WAYS.items()}
    columns |= {name: compared(MEANS, name) for name in (*IMAGES, "kernel", "p_value")}
    columns |= {title: f"likelihood/{key}" for title, key in NATS.items()}
    columns |= {f"requested attribute, {title}": f"control/slant/{key}" for title, key in CONTROL.items()}
    columns["flagged as copies"] = f"memorisation/by_distance/{JUDGED}/generated/z from the prior/flagged"
    lines = []
    for title, place in columns.items():
        named: dict[str, list[str]] = {}
        for name, versions in known.items():
            figure: dict[str, Any] | None = at(versions[0], place)
            if figure:
                named.setdefault(f"(n = {figure['count']:,}): {figure['protocol']}", []).append(f"`{name}`")
        for protocol, names in named.items():
            whose = f", {', '.join(names)}" if len(named) > 1 else ""
            lines.append(f"- {title}{whose} {protocol}")
    return lines
