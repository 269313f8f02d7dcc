"""trials.json, which says what became of each trial of a sweep."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from condvae.cluster.plan import Plan, load_plan
from condvae.errors import RunError
from condvae.run import Run
from condvae.storage.files import write_text

TRIALS, PLAN = "trials.json", "sweep.yaml"
RAY = ".ray"  # folder of Ray Tune's own state
BEGUN_IN = ".begun-in"  # the working directory in which a sweep was begun
ERROR = "error.txt"  # in the folder of a trial that failed
WAITING, RUNNING, FINISHED, STOPPED, FAILED = "waiting", "running", "finished", "stopped early", "failed"


@dataclass(frozen=True)
class TrialState:
    """What became of a trial.

    Attributes:
        name: of its run folder.
        settings: in which it differs from the other trials.
        state: one of the words above.
    """

    name: str
    settings: Mapping[str, Any]
    state: str


@dataclass(frozen=True)
class Sweep:
    """The folder of a sweep: sweep.yaml, trials.json, and the run folder of each trial.

    Attributes:
        path: the folder.
    """

    path: Path

    @cached_property
    def plan(self) -> Plan:
        """What is tried.

        Raises:
            RunError: the folder holds no sweep.
            ConfigError: sweep.yaml was changed to something that is not possible.
        """
        if not (self.path / PLAN).is_file():
            raise RunError(
                f"{self.path} is not the folder of a sweep: it has no {PLAN}. Name a folder that 'condvae sweep' made."
            )
        return load_plan(self.path / PLAN)

    @property
    def begun_in(self) -> Path:
        """Where relative paths of data are seen from. Sweeps of earlier versions take the present working directory."""
        file = self.path / BEGUN_IN
        return Path(file.read_text("utf-8")) if file.is_file() else Path.cwd()

    def trials(self) -> list[TrialState]:
        """All trials that have begun or wait, in their order.

        Raises:
            RunError: trials.json is damaged.
        """
        path = self.path / TRIALS
        if not path.is_file():
            return []
        try:
            return [TrialState(**one) for one in json.loads(path.read_text("utf-8"))]
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{path} is damaged ({error}). Delete it, and resume the sweep.") from error

    def write_trials(self, trials: Iterable[TrialState]) -> None:
        """Write trials.json."""
        text = json.dumps([asdict(one) for one in trials], indent=1, ensure_ascii=False)
        write_text(self.path / TRIALS, text + "\n")

    def run(self, trial: TrialState) -> Run:
        """The run folder of a trial."""
        return Run(self.path / trial.name)


def error_of(path: Path) -> str:
    """Why the trial in a folder failed. Empty if it did not."""
    problem = path / ERROR
    return problem.read_text("utf-8").strip() if problem.is_file() else ""
