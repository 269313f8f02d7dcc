"""How Ray Tune chooses the trials of a sweep, places them, stops them early, and starts them again after a fault."""

import os
import re
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import optuna
from ray import tune
from ray.tune.experiment import Trial as RayTrial
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search import BasicVariantGenerator
from ray.tune.search.optuna import OptunaSearch

from condvae.cluster.connection import require_room, require_versions, versions
from condvae.cluster.plan import FIGURES, SEED, Plan
from condvae.cluster.record import FAILED, FINISHED, RAY, RUNNING, STOPPED, WAITING, Sweep, TrialState, error_of
from condvae.cluster.trial import Trial, settings_of
from condvae.run import Run

RETRIES = 10  # of a trial whose worker or machine is lost
LONGEST = 80  # characters of the name of a run folder
ENDLESS = 10**9  # epochs
STATES = {"PENDING": WAITING, "RUNNING": RUNNING, "PAUSED": WAITING, "ERROR": FAILED}


def tune_all(found: Sweep) -> None:
    """Train all trials of a sweep that are not finished. Ray is connected already.

    Raises:
        ClusterError: the machines are too small for a trial.
    """
    plan = found.plan
    require_room("A trial", plan.cpus, plan.gpus, "Lower cpus or gpus in the file of the sweep.")
    _tuner(found, plan).fit()


def _tuner(found: Sweep, plan: Plan) -> tune.Tuner:
    trainable = tune.with_resources(_work(found, versions()), {"cpu": plan.cpus, "gpu": plan.gpus})
    state = found.path / RAY
    if any(state.glob("experiment_state*.json")):
        return tune.Tuner.restore(str(state), trainable, resume_errored=True)
    shutil.rmtree(state, ignore_errors=True)  # of a driver that was killed before it began
    tuning = tune.TuneConfig(
        metric=plan.figure if plan.chooses else None,
        mode=FIGURES[plan.figure] if plan.chooses else None,
        num_samples=plan.trials,
        search_alg=_search(plan),
        scheduler=_scheduler(plan),
        trial_name_creator=name_of,
        trial_dirname_creator=name_of,
    )
    running = tune.RunConfig(
        storage_path=str(found.path),
        name=RAY,
        verbose=0,
        callbacks=[_Writer()],
        failure_config=tune.FailureConfig(max_failures=RETRIES),
    )
    return tune.Tuner(trainable, param_space=_space(plan), tune_config=tuning, run_config=running)


def _search(plan: Plan) -> Any:
    if plan.method == "random":
        return BasicVariantGenerator(constant_grid_search=True, random_state=0)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return OptunaSearch(seed=0)


def _scheduler(plan: Plan) -> Any:
    stopping = plan.early_stopping
    if stopping is None:
        return None
    return ASHAScheduler("epoch", grace_period=stopping.min_epochs, reduction_factor=stopping.reduction, max_t=ENDLESS)


def _space(plan: Plan) -> dict[str, Any]:
    """What varies, as Ray Tune names it."""
    space = {name: tune.grid_search(values) for name, values in plan.grid.items()}
    for name in plan.search:
        space[name] = tune.choice(plan.search[name]) if plan.is_choice(name) else _range(*plan.bounds(name))
    return space if plan.method == "bayes" else {**space, SEED: tune.grid_search(plan.all_seeds)}


def _range(low: float, high: float, log: bool) -> Any:
    if isinstance(low, int) and isinstance(high, int):
        return tune.lograndint(low, high + 1) if log else tune.randint(low, high + 1)
    return tune.loguniform(low, high) if log else tune.uniform(low, high)


def name_of(trial: RayTrial) -> str:
    """The name of a trial: its number, and the settings in which it differs from others."""
    number = re.match(r"\d+", trial.experiment_tag or "0")
    settings = "_".join(f"{name.split('.')[-1]}={_short(value)}" for name, value in trial.evaluated_params.items())
    text = re.sub(r"[^\w=.,-]+", "-", f"{int(number[0]) if number else 0:04d}_{settings}")
    return text[:LONGEST].rstrip("-_.,")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value).rpartition("/")[2]


def _work(found: Sweep, wanted: Mapping[str, str]) -> Callable[[dict[str, Any]], None]:
    """What a worker does with the settings of a trial.

    Args:
        found: the sweep.
        wanted: the versions of the driver.
    """
    plan, folder = found.plan, found.begun_in

    def work(params: dict[str, Any]) -> None:
        require_versions(wanted)  # the trial does not end with it, so that Ray tries other machines
        if folder.is_dir():
            os.chdir(folder)
        name = tune.get_context().get_trial_name()
        Trial(found.path / str(name), plan.config(settings_of(plan, params)), plan.after).run(tune.report)

    return work


class _Writer(tune.Callback):
    """Keeps trials.json up to date."""

    def on_step_end(self, iteration: int, trials: list[RayTrial], **_: Any) -> None:
        if not trials:
            return
        found = _sweep(Path(trials[0].remote_experiment_path).parent)  # the folder may be moved between two commands
        now = [_state(found, trial) for trial in trials]
        if now != found.trials():
            found.write_trials(now)

    def on_experiment_end(self, trials: list[RayTrial], **_: Any) -> None:
        self.on_step_end(0, trials)


@cache
def _sweep(path: Path) -> Sweep:
    """The sweep in a folder, whose file is read once."""
    return Sweep(path)


def _state(found: Sweep, trial: RayTrial) -> TrialState:
    name = name_of(trial)
    ended = FINISHED if Run(found.path / name).is_finished else STOPPED
    state = STATES.get(trial.status, ended)
    return TrialState(name, settings_of(found.plan, trial.config), FAILED if error_of(found.path / name) else state)
