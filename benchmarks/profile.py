"""The time of a training step by kind of operation, for recipe `paper`, with PyTorch's profiler.

The profiler slows small operations down, so the shares are only approximate.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

from torch.profiler import ProfilerActivity, profile

from benchmarks.harness import WARM_UP, arguments, publish
from benchmarks.sides import train_recipe
from condvae.data.sources import load_data
from condvae.recipe import load_recipe
from condvae.training.module import CVAEModule

GROUPS = {
    "matrix products": ("aten::mm", "aten::addmm"),
    "Adam": ("aten::_fused_adam_", "Optimizer", "aten::_foreach"),
    "layer norm": ("aten::native_layer_norm",),
    "dropout, and other scaling": ("aten::random_", "aten::ge", "aten::mul", "aten::div"),
    "ReLU and sigmoid": ("aten::relu", "aten::clamp_min", "aten::threshold", "aten::sigmoid"),
    "batches": ("aten::index", "aten::randperm", "DataLoader"),
}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, steps=200)
    data, paper = load_data("mnist"), load_recipe("paper")
    profiler, moments = profile(activities=[ProfilerActivity.CPU]), []

    def begin(module: CVAEModule, batch: Any, index: int) -> None:
        if index == WARM_UP:
            profiler.start()
            moments.append(time.perf_counter())

    def end(module: CVAEModule, outputs: Any, batch: Any, index: int) -> None:
        if index == WARM_UP + options.steps - 1:
            moments.append(time.perf_counter())
            profiler.stop()

    with patch.multiple(CVAEModule, on_train_batch_start=begin, on_train_batch_end=end):
        train_recipe(paper, data, max_epochs=1, limit_train_batches=WARM_UP + options.steps, limit_val_batches=0)
    whole = moments[1] - moments[0]
    groups = dict.fromkeys([*GROUPS, "other operations"], 0.0)
    for event in profiler.key_averages():
        found = (name for name, starts in GROUPS.items() if event.key.startswith(starts))
        groups[next(found, "other operations")] += event.self_cpu_time_total / 1e6
    groups["Python and Lightning"] = whole - sum(groups.values())
    rows = [
        {"part": name, "ms per step": f"{1000 * value / options.steps:.2f}", "share": f"{value / whole:.0%}"}
        for name, value in groups.items()
    ]
    return publish("profile", options.out, {"One step of recipe paper, under the profiler": rows}, seconds=groups)


if __name__ == "__main__":
    main(sys.argv[1:])
