"""The length of a training: a number of steps, or minutes, as epochs, validations and checkpoints."""

from dataclasses import dataclass, replace
from math import inf
from typing import NamedTuple

from condvae.config import TRAINER, Config, require
from condvae.errors import ConfigError
from condvae.training.optimizers import SCHEDULES

PAUSES = 50  # validations of a training, at most, and as many checkpoints
PAUSED = 0.1  # share of the time that they may take together
FEW_EPOCHS = 10  # of fewer epochs a part would be missing to the time that was asked for
FILLED = 0.96  # share of the time that is planned. The rest is for steps that take longer than the timed ones
# options of the Trainer that a plan decides
DECIDED = (
    "max_epochs", "min_epochs", "max_steps", "min_steps", "max_time",
    "limit_train_batches", "check_val_every_n_epoch", "val_check_interval",
)  # fmt: skip


class Plan(NamedTuple):
    """How a training is divided.

    Attributes:
        epochs: number of epochs.
        every: number of epochs between two validations and between two checkpoints. It divides the number of epochs.
        limit: number of batches of an epoch, which are drawn anew in each. None for all images.
    """

    epochs: int
    every: int
    limit: int | None


@dataclass(frozen=True)
class Costs:
    """What a training takes on this machine.

    Attributes:
        batches: number of batches of an epoch.
        step: seconds for each batch, with its share of what happens once an epoch.
        pause: seconds for a validation and for the checkpoints that follow.
    """

    batches: int
    step: float
    pause: float


def divided(steps: int, batches: int, pauses: int = PAUSES) -> Plan:
    """Divide a number of steps into epochs. At most 10% of the steps are left out, because all epochs are whole.

    If fewer than FEW_EPOCHS epochs fit, there are FEW_EPOCHS epochs of fewer batches.

    Args:
        steps: number of training steps, at least 1.
        batches: number of batches of all images.
        pauses: number of validations, at most.
    """
    epochs, limit = steps // batches, None
    if epochs < FEW_EPOCHS:
        epochs = min(FEW_EPOCHS, steps)
        limit = steps // epochs
    if epochs <= pauses:
        return Plan(epochs, 1, limit)
    # between the half and all of the pauses, as many as leave out the fewest epochs
    _, count = max((count * (epochs // count), count) for count in range(-(-pauses // 2), pauses + 1))
    every = epochs // count
    return Plan(count * every, every, limit)


def with_plan(config: Config, plan: Plan) -> Config:
    """The settings with this length. The warm-up keeps its share of the training."""
    before, training = config.trainer["max_epochs"] or TRAINER["max_epochs"], config.training
    warm_up = training.warm_up * plan.epochs / before if before > 0 else training.warm_up
    kept = {name: value for name, value in config.trainer.items() if name not in DECIDED}
    limit = config.trainer.get("limit_train_batches") if plan.limit is None else plan.limit
    trainer = {**kept, "max_epochs": plan.epochs, "check_val_every_n_epoch": plan.every}
    return replace(
        config,
        training=replace(training, warm_up=float(f"{warm_up:.4g}"), checkpoint_every=plan.every),
        trainer=trainer if limit is None else {**trainer, "limit_train_batches": limit},
    )


def within(seconds: float, costs: Costs, schedule: str) -> Plan:
    """The longest training that fits into some seconds.

    Raises:
        ConfigError: not even the fewest steps fit.
    """
    pauses = min(PAUSES, max(1, int(PAUSED * seconds / costs.pause))) if costs.pause else PAUSES
    steps, fewest = int((seconds - pauses * costs.pause) / costs.step), max(1, SCHEDULES[schedule].minimum_steps)
    if steps < fewest:
        raise ConfigError(
            f"--minutes leaves {max(0.0, seconds):.1f} seconds after the timing. A step takes {costs.step:.3g} s, "
            f"and validation and checkpoint take {costs.pause:.3g} s. The schedule {schedule} needs at least {fewest} "
            "steps. Give more minutes, or choose a smaller model."
        )
    if FEW_EPOCHS <= steps // costs.batches < pauses:  # fewer validations, so there is more time for steps
        steps = max(steps, int(seconds / (costs.batches * costs.step + costs.pause)) * costs.batches)
    return divided(steps, costs.batches, pauses)


def require_minutes(minutes: float) -> None:
    """Make sure that a training can take so long.

    Raises:
        ConfigError: it is not a positive number.
    """
    require(0 < minutes < inf, "--minutes", minutes, "more than 0")
