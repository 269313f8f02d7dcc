"""What READMEs and the heads of recipes say of results: one row, and two lines, for each recipe."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from scripts.quality_cells import Result, compared, mean_of, shared
from scripts.quality_page import MEANS, STYLES, WAYS, Results

SHARED = STYLES[:3]
REAL, BINARISED = WAYS["real training images"], WAYS["real training images, binarised"]
RECIPES = Path("condvae/recipes")
GIVEN = " (given slant and thickness)"
READMES: dict[Path, dict[str, str]] = {  # with words that are translated
    Path("README.md"): {},
    Path("README.ko.md"): {
        "real images": "실제 이미지",
        "not a likelihood": "가능도가 아님",
        GIVEN: " (기울기와 두께가 주어짐)",
    },
}
TABLE = re.compile(r"(\| [^\n]*-log p\(x\\\|y\), nats [^\n]*\n[|-]+\n)((?:\|[^\n]*\n)*)")
HEAD = re.compile(r"^# (Time|Figures): .*$", re.MULTILINE)
Format = Callable[[float], str]


def texts(results: Results) -> dict[Path, str]:
    """The READMEs and the files of recipes, as the results say."""
    found = {}
    rows = "".join(f"{line}\n" for line in readme_rows(results))
    for path, words in READMES.items():
        own = rows
        for word, translated in words.items():
            own = own.replace(word, translated)
        found[path] = TABLE.sub(partial(with_rows, rows=own), path.read_text("utf-8"))
    for name, versions in results.known.items():
        path, lines = RECIPES / f"{name}.yaml", recipe_lines(name, versions, results.minutes)
        if path.is_file():
            found[path] = HEAD.sub(partial(with_line, lines=lines), path.read_text("utf-8"))
    return found


def with_rows(found: re.Match[str], rows: str) -> str:
    return found[1] + rows


def with_line(found: re.Match[str], lines: dict[str, str]) -> str:
    return lines.get(found[1], found[0])


def readme_rows(results: Results) -> list[str]:
    """The rows of the table in the READMEs: real images, and each recipe whose name is a recipe."""
    known = {name: versions for name, versions in results.known.items() if "-" not in name}
    if not known:
        return []
    binary = next((versions for versions in known.values() if mean_of(versions, accuracy(BINARISED))), [])
    judged = join(share, mean_of(next(iter(known.values())), accuracy(REAL)), mean_of(binary, accuracy(BINARISED)))
    real = next(iter(known.values()))
    distance, recall = (mean_of(real, compared(REAL, figure)) for figure in ("frechet", "recall"))
    score = mean_of(real, "classifier_score/ceiling")
    cells = ["real images", "-", "-", judged, "-", join(short, distance), join(short, recall), join(share, score), "-"]
    return [row(cells), *(row(cells_of(name, versions, results.minutes)) for name, versions in known.items())]


def cells_of(name: str, versions: list[Result], minutes: dict[str, float]) -> list[str]:
    """The cells of a recipe."""

    def ways(prior: str) -> str:
        return join(share, *(mean_of(versions, accuracy(WAYS[f"{prior}, {mode}"])) for mode in ("means", "samples")))

    def by_prior(figure: str) -> str:
        places = (compared(WAYS[f"{prior}, means"], figure) for prior in ("prior", "mixture"))
        return join(short, *(mean_of(versions, place) for place in places))

    nll = mean_of(versions, "likelihood/nll")
    given = GIVEN if name == "attributes" else ""
    return [
        f"`{name}`",
        f"{minutes[name]:.2g}" if name in minutes else "-",
        f"{nll:.1f}{given}" if nll else "not a likelihood",
        ways("prior"),
        ways("mixture"),
        by_prior("frechet"),
        by_prior("recall"),
        join(share, *(mean_of(versions, f"classifier_score/{mode}") for mode in ("mean", "sample"))),
        join(short, *(mean_of(versions, shared(style)) for style in SHARED)),
    ]


def recipe_lines(name: str, versions: list[Result], minutes: dict[str, float]) -> dict[str, str]:
    """The lines "# Time" and "# Figures" at the top of the file of a recipe, if they are known."""
    nll, error = mean_of(versions, "likelihood/nll"), mean_of(versions, "reconstruction/mse")
    given = GIVEN if name == "attributes" else ""
    found = [f"-log p(x|y) {nll:.1f} nats{given}" if nll else f"test MSE {error:.4f}"]
    found.append(f"labels obeyed {mean_of(versions, 'accuracy/prior'):.1%}")
    found.append(f"Frechet distance {short(mean_of(versions, compared(MEANS, 'frechet')) or 0)}")
    styles = {style: mean_of(versions, shared(style)) for style in SHARED}
    own = ", ".join(f"{style} {value:.2f}" for style, value in styles.items() if value is not None)
    found.append(f"styles shared: {own}")
    time = {"Time": f"# Time: {duration(minutes[name])} on two cores"} if name in minutes else {}
    return {**time, "Figures": f"# Figures: {', '.join(found)}"}


def duration(minutes: float) -> str:
    """Minutes in words."""
    if minutes < 1:
        return f"{60 * minutes:.0f} seconds"
    return f"{minutes:.0f} minute{'s' if round(minutes) > 1 else ''}"


def accuracy(way: str) -> str:
    return f"realism/{way}/accuracy"


def share(value: float) -> str:
    return f"{value:.1%}"


def short(value: float) -> str:
    """Two decimals below 1, one above, and no negative zero."""
    return f"{value:.1f}" if value >= 1 else f"{value + 0.0 if abs(value) >= 0.005 else 0.0:.2f}"


def join(style: Format, *values: float | None) -> str:
    """Cells of several ways, with a dash where one has no figure."""
    return " / ".join("-" if value is None else style(value) for value in values)


def row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
