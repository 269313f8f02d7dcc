"""Other conditional generators of images against condvae.

    python -m benchmarks.peers --data mnist --minutes 10 [--only NAME ...]

All sides get the same training images and the same minutes of training on the same number of cores, draw as many
images, and are measured by the same evaluation. Each peer runs in an environment of its own, which is made when it is
first needed. Images and what is measured of them are kept in the folder --work, so that an interrupted benchmark
continues with what is there. To train a side again, delete its folder and its file there.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.harness import publish
from benchmarks.peers.drawing import PEERS, Drawn, Options, peer, read, real, write
from benchmarks.peers.environments import SCRIPTS, requirements
from benchmarks.peers.evaluation import Evaluator
from benchmarks.peers.ours import ours
from condvae.data.dataset import Dataset
from condvae.data.sources import load_data
from condvae.evaluation.evaluate import EDITION
from condvae.plain import plain
from condvae.storage.files import sha256, write_text

OURS, REAL = "condvae", "real"
NAMES = (REAL, OURS, *PEERS)
HERE = Path(__file__).parent
Side = Callable[[], Iterator[tuple[str, Drawn]]]
Rows = dict[str, dict[str, Any]]  # titles to numbers and figures


def sides(data: Dataset, options: Options, folder: Path) -> dict[str, Side]:
    """Every side by its name."""
    found: dict[str, Side] = {REAL: partial(real, data, options), OURS: partial(ours, data, options)}
    return found | {name: partial(peer, name, data, options, folder) for name in PEERS}


def measured(name: str, side: Side, evaluator: Evaluator, options: Options, folder: Path) -> Rows:
    """The rows of a side, from its file if the same images were measured by the same evaluation before."""
    path = folder / f"{name}.json"
    made = {**asdict(options), "data": evaluator.data.digest(), "source": _digests(sources(name))}
    wanted = {"images": made, "evaluation": _digests([HERE / "evaluation.py"]), "edition": EDITION}
    kept = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if kept.get("of") == wanted:
        rows: Rows = kept["rows"]
        return rows
    print(f"\n{name}", flush=True)
    images = drawings(side, made, folder / name)
    rows = {title: {**drawn.numbers, **plain(evaluator.figures(*drawn[:2]))} for title, drawn in images.items()}
    write_text(path, json.dumps({"of": wanted, "rows": rows}, indent=2, default=str) + "\n")
    return rows


def sources(name: str) -> list[Path]:
    """The files that make the images of a side."""
    if name not in PEERS:
        return [HERE / {REAL: "drawing.py", OURS: "ours.py"}[name]]
    _, script, environment = PEERS[name]
    shared = {SCRIPTS / "shared.py", *SCRIPTS.glob(f"{environment}*.py")}  # by all scripts, and by those of a library
    return sorted({SCRIPTS / f"{script}.py", *shared, *requirements(environment)})


def drawings(side: Side, made: Mapping[str, Any], folder: Path) -> dict[str, Drawn]:
    """The images of a side by the names of their rows, from its folder if they were made in the same way before."""
    mark = folder / "made.json"
    kept = json.loads(mark.read_text("utf-8")) if mark.is_file() else {}
    if kept.get("made") != made:
        images = dict(side())
        folder.mkdir(parents=True, exist_ok=True)
        for number, drawn in enumerate(images.values()):
            write(folder / f"{number}.npz", drawn)
        kept = {"made": made, "rows": list(images)}
        write_text(mark, json.dumps(kept, indent=2) + "\n")
    return {title: read(folder / f"{number}.npz") for number, title in enumerate(kept["rows"])}


def table(rows: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """All columns of all sides. Figures have their standard errors."""
    return [
        {
            "side": title,
            "labels obeyed, %": _figure(row["obeyed"], 100),
            "accuracy score, %": _figure(row["score"], 100),
            "Frechet distance": _figure(row["frechet"]),
            "Frechet distance, random features": _figure(row["frechet_random"]),
            "precision, %": _figure(row["precision"], 100),
            "recall, %": _figure(row["recall"], 100),
            "density": _figure(row["density"]),
            "coverage, %": _figure(row["coverage"], 100),
            "seconds for 1,000 images": _number(row.get("seconds_per_1000"), ".3g"),
            "seconds of training": _number(row.get("seconds"), ".0f"),
            "cores at work": _number(row.get("cores"), ".2f"),
            "steps": _number(row.get("steps"), ",d"),
            "parameters": _number(row.get("parameters"), ",d"),
            "nats": _number(row.get("nats"), ".1f"),
            "nats of": row.get("measures", "") if row.get("nats") is not None else "",
        }
        for title, row in rows.items()
    ]


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    given = _options(argv)
    torch.set_num_threads(given.threads)
    data = replace(load_data(given.data), source=given.data)  # without the path of this machine
    name = given.data.replace(":", "-").replace("/", "-")
    folder = given.work / name
    options = Options(given.minutes, given.count, given.seed, given.threads)
    evaluator, rows = Evaluator(data), Rows()
    for one, side in sides(data, options, folder).items():
        if one in given.only:
            rows |= measured(one, side, evaluator, options, folder)
    trained = f"{given.minutes:g} minutes of training on {given.threads} cores with one seed"
    title = f"{given.data}, {trained}, {given.count:,} images"
    return publish(f"peers-{name}", given.out, {title: table(rows)}, options=asdict(options), rows=rows)


def _digests(files: Iterable[Path]) -> dict[str, str]:
    """The digest of each file by its name."""
    return {one.name: sha256(one) for one in files}


def _figure(figure: Mapping[str, Any] | None, scale: float = 1) -> str:
    return "" if figure is None else f"{scale * figure['value']:.3g} ± {scale * figure['error']:.2g}"


def _number(value: float | None, how: str) -> str:
    return "" if value is None else format(value, how)


def _options(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"), help="folder (default: %(default)s)")
    parser.add_argument("--work", type=Path, default=Path("runs/peers"), help="what is kept (default: %(default)s)")
    parser.add_argument("--data", default="mnist", help="data source (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each training (default: %(default)s)")
    parser.add_argument("--count", type=int, default=10_000, help="of drawn images (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=2, help="number of cores (default: %(default)s)")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="sides (default: all)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main(sys.argv[1:])
