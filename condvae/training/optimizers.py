"""Optimisers and schedules of the step size, by the names that the settings use.

A new member is one function or class and one line of its registry. What a schedule can do is an attribute of its class.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from condvae.config import TrainingConfig
from condvae.model.cvae import CVAE

MakeOptimizer = Callable[[CVAE, TrainingConfig, bool], torch.optim.Optimizer]


def adam(model: CVAE, settings: TrainingConfig, fused: bool) -> torch.optim.Optimizer:
    """Adam for all parameters. Kingma and Ba, https://arxiv.org/abs/1412.6980

    Args:
        model: the model to train.
        settings: the settings of the training.
        fused: whether the fused implementation may be used.
    """
    options = {"fused": True} if fused else {}
    return torch.optim.Adam(model.parameters(), settings.learning_rate, settings.adam_betas, **options)


def muon(model: CVAE, settings: TrainingConfig, fused: bool) -> torch.optim.Optimizer:
    """Muon for the weights between hidden layers, Adam for all other parameters.

    Jordan et al., "Muon: An optimizer for hidden layers in neural networks", https://kellerjordan.github.io/posts/muon/

    Args:
        model: the model to train.
        settings: the settings of the training.
        fused: not used. Muon has one implementation.
    """
    from pytorch_optimizer import Muon

    networks: tuple[Any, Any] = model.posterior.encoder, model.likelihood.decoder
    inner = [weight for network in networks for weight in network.inner_weights()]
    outer = [weight for weight in model.parameters() if all(weight is not other for other in inner)]
    groups = [
        {"params": inner, "use_muon": True, "lr": settings.muon_learning_rate, "momentum": 0.9, "ns_steps": 3},
        {"params": outer, "use_muon": False, "lr": settings.learning_rate, "betas": settings.adam_betas, "eps": 1e-8},
    ]
    return Muon(groups)


OPTIMIZERS: dict[str, MakeOptimizer] = {"adam": adam, "muon": muon}


class Schedule(ABC):
    """How the step size changes from step to step.

    Attributes:
        minimum_steps: the smallest number of steps that the schedule can be planned for. 0 if the number of steps need
            not be known.
        can_continue: whether a run can be trained for more steps than it was planned for.
    """

    minimum_steps: ClassVar[int] = 0
    can_continue: ClassVar[bool] = True

    @staticmethod
    @abstractmethod
    def make(optimizer: torch.optim.Optimizer, settings: TrainingConfig, steps: int) -> LRScheduler | None:
        """PyTorch's scheduler, to be stepped after each training step. None if the step size does not change.

        Args:
            optimizer: its step sizes are the largest ones of the schedule.
            settings: the settings of the training.
            steps: number of steps of the whole training. 0 if the schedule need not know it.
        """

    @staticmethod
    def planned_steps(state: Mapping[str, Any]) -> int | None:
        """The number of steps that a scheduler was planned for, from its saved state. None if it does not matter."""
        return None


class Constant(Schedule):
    """The same step size in all steps."""

    @staticmethod
    def make(optimizer: torch.optim.Optimizer, settings: TrainingConfig, steps: int) -> None:
        return None


class OneCycle(Schedule):
    """Linearly up to the largest step size, then linearly down to 0 at the last step.

    Smith and Topin, "Super-Convergence", https://arxiv.org/abs/1708.07120
    """

    minimum_steps = 5
    can_continue = False

    @staticmethod
    def make(optimizer: torch.optim.Optimizer, settings: TrainingConfig, steps: int) -> LRScheduler:
        largest = [group["lr"] for group in optimizer.param_groups]
        peak = max(settings.peak, 2 / steps)  # PyTorch divides by the number of steps before the peak minus 1
        return OneCycleLR(optimizer, largest, steps, pct_start=peak, anneal_strategy="linear", cycle_momentum=False)

    @staticmethod
    def planned_steps(state: Mapping[str, Any]) -> int | None:
        return int(state["total_steps"])


SCHEDULES: dict[str, type[Schedule]] = {"constant": Constant, "one-cycle": OneCycle}
