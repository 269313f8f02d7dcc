"""`condvae evaluate` against that of an earlier version, part by part.

    git worktree add ../before 9c221d2
    python -m benchmarks.evaluation --before ../before

Each version trains a model with its own recipe, unless the folder --out has it, and evaluates it. The evaluations take
turns: while one works, the other one is stopped. Other load on the machine slows both down alike.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

from benchmarks.harness import publish
from condvae.run import Run

BEFORE, AFTER = "before", "after"
HERE = Path(__file__).parents[1]
TURN = 10.0  # seconds
START, ALL = "start", "all"


class Evaluation:
    """`condvae evaluate` in a process that works in turns.

    Args:
        version: a working tree of condvae.
        run: the run folder.
        options: of the command.

    Attributes:
        marks: names of the parts, and the seconds of work after which they began.
        printed: lines that the command printed.
    """

    def __init__(self, version: Path, run: Path, options: Sequence[str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "condvae", "evaluate", str(run), *options],
            cwd=version, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        self.worked, self.turn = 0.0, time.perf_counter()
        self.marks: list[tuple[str, float]] = [(START, 0.0)]
        self.printed: list[str] = []
        self.listener = Thread(target=self._listen, daemon=True)
        self.listener.start()
        self._stop()

    def work(self, seconds: float) -> bool:
        """Let the command work for so long, or until it ends. Returns whether it goes on."""
        if self.process.poll() is None:
            self.turn = time.perf_counter()
            os.killpg(self.process.pid, signal.SIGCONT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)
            self._stop()
        return self.process.poll() is None

    def seconds(self) -> dict[str, float]:
        """Seconds of work of each part, after the command has ended.

        Raises:
            RuntimeError: it failed.
        """
        self.listener.join()
        if self.process.returncode:
            raise RuntimeError(f"condvae evaluate failed:\n{''.join(self.printed)}")
        ends = [began for _, began in self.marks[1:]] + [self.worked]
        found = {part: end - began for (part, began), end in zip(self.marks, ends, strict=True)}
        return {**found, ALL: self.worked}

    def _stop(self) -> None:
        with suppress(ProcessLookupError):  # it has ended
            os.killpg(self.process.pid, signal.SIGSTOP)
        now = time.perf_counter()
        self.worked, self.turn = self.worked + now - self.turn, now

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self.printed.append(line)
                if found := re.match(r"Measuring (\w+) \(\d+ of \d+\)", line):
                    self.marks.append((found[1], self.worked + time.perf_counter() - self.turn))


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    given = _options(argv)
    versions = {BEFORE: given.before.resolve(), AFTER: HERE}
    runs = {side: (given.out / "evaluation" / side).resolve() for side in versions}
    for side, run in runs.items():
        if not Run(run).is_finished:
            print(f"Training {run} with the version {side}", flush=True)
            train = [sys.executable, "-m", "condvae", "train", "--recipe", given.recipe, *shlex.split(given.training)]
            subprocess.run([*train, "--out", str(run)], cwd=versions[side], check=True)
        for left in (Run(run).evaluation, Run(run).mixture):  # which the next evaluation would use
            left.unlink(missing_ok=True)
    options = shlex.split(given.options)
    evaluations = {side: Evaluation(versions[side], runs[side], options) for side in versions}
    working = list(evaluations.values())
    while working:
        working = [one for one in working if one.work(TURN)]
    seconds = {side: one.seconds() for side, one in evaluations.items()}
    title = f"condvae evaluate of {given.recipe}, one evaluation of each version"
    return publish("evaluation", given.out, {title: table(**seconds)}, seconds=seconds)


def table(before: Mapping[str, float], after: Mapping[str, float]) -> list[dict[str, str]]:
    """Seconds of both versions for each part."""
    parts = [*[part for part in {**before, **after} if part != ALL], ALL]
    return [
        {
            "part": part,
            "before, seconds": f"{before[part]:.1f}" if part in before else "",
            "after, seconds": f"{after[part]:.1f}" if part in after else "",
            "after / before": f"{after[part] / before[part]:.2f}" if part in before and part in after else "",
        }
        for part in parts
    ]


def _options(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--out", type=Path, default=Path("runs/benchmarks"), help="folder (default: %(default)s)")
    parser.add_argument("--before", type=Path, required=True, help="working tree of the earlier version")
    parser.add_argument("--recipe", default="conv", help="default: %(default)s")
    parser.add_argument("--training", default="", help="more options of condvae train")
    parser.add_argument("--options", default="", help="options of condvae evaluate")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main(sys.argv[1:])
