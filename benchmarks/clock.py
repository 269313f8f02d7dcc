"""A callback that measures how long training steps take."""

import time
from math import nan
from typing import Any

import lightning.pytorch as pl

from benchmarks.harness import WARM_UP


class Clock(pl.Callback):
    """Measures the last training in this process.

    Attributes:
        per_step: seconds per step, without the first WARM_UP steps of each epoch.
        whole: seconds from the start of the first step to the end of the last step.
    """

    per_step = nan
    whole = nan

    def on_train_start(self, trainer: pl.Trainer, module: Any) -> None:
        Clock.per_step = Clock.whole = nan
        self.first = time.perf_counter()

    def on_train_batch_start(self, trainer: pl.Trainer, module: Any, batch: Any, index: int) -> None:
        if index == WARM_UP:
            self.warm = time.perf_counter()

    def on_train_batch_end(self, trainer: pl.Trainer, module: Any, outputs: Any, batch: Any, index: int) -> None:
        now = time.perf_counter()
        Clock.whole = now - self.first
        if index > WARM_UP:
            Clock.per_step = (now - self.warm) / (index + 1 - WARM_UP)
