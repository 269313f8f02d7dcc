"""A sweep: many trainings, on this machine or on a cluster, that can be resumed after any fault."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from filelock import FileLock, Timeout

from condvae.cluster.connection import connected, require_same_versions
from condvae.cluster.plan import Plan
from condvae.cluster.record import BEGUN_IN, PLAN, Sweep
from condvae.errors import ClusterError
from condvae.plain import plain
from condvae.storage.files import require_empty, storing, write_text

LOCK = ".lock"


def sweep(plan: Plan, out: Path, address: str | None = None) -> Sweep:
    """Train what a plan says, into a folder. Each trial is a run folder in it.

    Args:
        plan: what is tried.
        out: the folder, new or empty. All machines of a cluster must see it, at the same path.
        address: of a Ray cluster. None uses this machine.

    Raises:
        ClusterError: there is no cluster at the address, or it is too small for a trial.
        StorageError: the folder is not empty.
    """
    found = Sweep(out.absolute())
    require_empty(found.path)
    with storing(found.path / LOCK):
        found.path.mkdir(parents=True, exist_ok=True)
    with _alone(found):
        write_text(found.path / PLAN, yaml.safe_dump(plain(plan), sort_keys=False))
        write_text(found.path / BEGUN_IN, str(Path.cwd()))
        try:
            _run(found, address)
        except ClusterError:
            if not found.trials():  # nothing was begun, so that the corrected command can use the folder
                shutil.rmtree(found.path)
            raise
    return found


def resume_sweep(out: Path, address: str | None = None) -> Sweep:
    """Go on with a sweep that was interrupted. Finished trials are not trained again.

    Raises:
        RunError: there is no sweep in the folder.
        ClusterError: as in `sweep`, or another command is working on it.
    """
    found = Sweep(out.absolute())
    found.plan  # noqa: B018  (a folder without a plan is refused before Ray starts)
    with _alone(found):
        _run(found, address)
    return found


@contextmanager
def _alone(found: Sweep) -> Iterator[None]:
    """Inside, no other command works on the sweep.

    Raises:
        ClusterError: one does.
    """
    try:
        with FileLock(found.path / LOCK, timeout=0):
            yield
    except Timeout as error:
        raise ClusterError(
            f"Another 'condvae sweep' is working on {found.path}. Wait for it, or stop it first."
        ) from error


def _run(found: Sweep, address: str | None) -> None:
    with connected(address) as wait:
        from condvae.cluster.tuning import tune_all  # takes seconds, in which Ray starts

        wait()
        if address:
            require_same_versions()
        tune_all(found)
