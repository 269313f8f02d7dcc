"""One trial of a sweep, in a worker: a training that reports its held-out figures, and commands after it."""

import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condvae.cluster.plan import RUN, SEED, SEED_WORD, Plan
from condvae.cluster.record import ERROR, error_of
from condvae.config import Config
from condvae.errors import CondvaeError, TrainingError
from condvae.run import Run
from condvae.storage.files import write_text
from condvae.training.callbacks import Report, Reporter
from condvae.training.fit import fit, resume


@dataclass(frozen=True)
class Trial:
    """A training of a sweep.

    Attributes:
        path: the run folder.
        config: all settings.
        after: commands of condvae for the finished run.
    """

    path: Path
    config: Config
    after: tuple[str, ...]

    def run(self, report: Report) -> None:
        """Train, or continue if the run was begun before, and run the commands. What fails is written to error.txt."""
        if error_of(self.path):
            return
        words = {RUN: str(self.path), SEED_WORD: str(self.config.training.seed)}
        reporter = Reporter(report)
        try:
            self._train(reporter)
            for command in self.after:
                run_command([words.get(word, word) for word in shlex.split(command)])
            reporter.flush()
        except CondvaeError as error:
            write_text(self.path / ERROR, f"{error}\n")

    def _train(self, reporter: Reporter) -> None:
        run, callbacks = Run(self.path), [reporter]
        if run.is_finished:
            return
        if run.is_started:
            resume(self.path, callbacks=callbacks)
        else:
            shutil.rmtree(self.path, ignore_errors=True)  # of a process that was killed before training began
            fit(self.config, self.path, callbacks=callbacks)


def run_command(arguments: list[str]) -> None:
    """Run a command of condvae in a process of its own.

    Raises:
        TrainingError: it failed. The message has the end of its output.
    """
    done = subprocess.run([sys.executable, "-m", "condvae", *arguments], capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise TrainingError(f"'condvae {shlex.join(arguments)}' failed: {' '.join(last)}")


def settings_of(plan: Plan, params: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a trial, from what Ray Tune gives it."""
    return {**params, SEED: params.get(SEED, plan.all_seeds[0])}
