"""What the benchmarks share: sides that are measured in turn, tables, and results with machine, versions and commit."""

import json
import platform
import subprocess
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from math import isnan, nan
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import torch

PACKAGES = ("condvae", "torch", "lightning", "pytorch-optimizer", "numpy", "uvicorn")
WARM_UP = 20  # steps or calls before the clock starts

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


class Spread(NamedTuple):
    """Median, minimum and maximum of several measurements of one quantity."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.low:.3g} to {self.high:.3g})"


def spread(values: Sequence[float]) -> Spread:
    """Median, minimum and maximum of some measurements."""
    return Spread(median(values), min(values), max(values))


def in_turn(sides: Mapping[str, Callable[[], float]], segments: int) -> dict[str, list[float]]:
    """Measure every side once in each of `segments` rounds, always in the same order.

    Other load on the machine slows all sides of a round down alike, so that their ratios within a round are fair.
    """
    measured: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(segments):
        for name, side in sides.items():
            measured[name].append(side())
    return measured


def ratio(numerator: Sequence[float], denominator: Sequence[float]) -> Spread:
    """One side divided by another, round by round."""
    return spread([upper / lower for upper, lower in zip(numerator, denominator, strict=True)])


def difference(one: Sequence[float], other: Sequence[float]) -> Spread:
    """One side minus another, round by round."""
    return spread([upper - lower for upper, lower in zip(one, other, strict=True)])


def step_rows(measured: Mapping[str, Sequence[float]], reference: str) -> list[dict[str, Any]]:
    """A table of training steps, measured in seconds. The reference and the floor are two of the sides."""
    return [
        {
            "side": name,
            "ms per step": spread([1000 * value for value in values]),
            f"{reference} / side": ratio(measured[reference], values),
            "side / floor": ratio(values, measured["floor"]),
        }
        for name, values in measured.items()
    ]


class Usage(NamedTuple):
    """Time and memory of a process.

    Attributes:
        seconds: time from its start to its end.
        peak_mb: peak of its memory, in megabytes (10^6 bytes).
        midway_mb: peak of its memory in the first half of the time.
    """

    seconds: float
    peak_mb: float
    midway_mb: float

    def row(self) -> dict[str, str]:
        """A row of a table."""
        return {
            "seconds": f"{self.seconds:.1f}",
            "peak memory, MB": f"{self.peak_mb:.0f}",
            "peak of the first half, MB": f"{self.midway_mb:.0f}",
        }


def resident_mb(pid: int) -> float:
    """The resident memory of a process, in megabytes. NaN on other systems than Linux."""
    return _status_mb(pid, "VmRSS")


def anonymous_mb(pid: int) -> float:
    """The resident memory of a process without that of files, in megabytes. NaN on other systems than Linux.

    The pages of a mapped file are given up when memory is needed, and anonymous memory is not.
    """
    return _status_mb(pid, "RssAnon")


def watched(command: Sequence[str], memory: Callable[[int], float] = resident_mb) -> Usage:
    """Run a command and measure its time and memory. The memory is NaN on other systems than Linux."""
    started, held = time.perf_counter(), []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        while process.poll() is None:
            held.append((time.perf_counter() - started, memory(process.pid)))
            time.sleep(0.02)
        message = process.stderr.read().decode() if process.stderr else ""
    if process.returncode:
        raise RuntimeError(f"{command} ended with exit status {process.returncode}: {message}")
    seconds = time.perf_counter() - started
    known = [(moment, megabytes) for moment, megabytes in held if not isnan(megabytes)]
    halfway = [megabytes for moment, megabytes in known if moment <= seconds / 2]
    return Usage(seconds, max((megabytes for _, megabytes in known), default=nan), max(halfway, default=nan))


def arguments(description: str | None, argv: Sequence[str] | None, **defaults: int) -> Namespace:
    """The options of a benchmark: `--out FOLDER`, and whole numbers with their defaults."""
    parser = ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"), help="folder (default: %(default)s)")
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default, help="default: %(default)s")
    return parser.parse_args(argv)


def publish(name: str, out: Path, tables: Tables, **measured: Any) -> dict[str, Any]:
    """Print tables, and write them with all measurements to NAME.json in the folder `out`."""
    result = {"benchmark": name, **environment(), "tables": tables, "measured": measured}
    for title, rows in tables.items():
        print(f"\n{title}\n\n{markdown(rows)}", flush=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps(result, indent=2, default=str) + "\n", encoding="utf-8")
    print(f"\nWritten: {out / f'{name}.json'}", flush=True)
    return result


def markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows, which have the same keys, as a Markdown table."""
    heads = list(rows[0])
    lines = [heads, ["---"] * len(heads), *([str(row[head]) for head in heads] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def environment() -> dict[str, Any]:
    """Date, commit, machine and versions of a benchmark."""
    return {
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "commit": _git("describe", "--always", "--dirty", "--abbrev=12"),
        "machine": {
            "platform": f"{platform.system()} {platform.machine()}",
            "processor": _processor(),
            "threads": torch.get_num_threads(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }


def _status_mb(pid: int, name: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
        return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(f"{name}:"))
    except (OSError, StopIteration):
        return nan


def _git(*arguments: str) -> str:
    result = subprocess.run(["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True)
    return result.stdout.strip() or "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
