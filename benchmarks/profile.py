"""Where the time of a training step goes: recipe `paper` through Lightning, under PyTorch's profiler.

The profiler itself slows the many small operations down, so its shares are a map, not a measurement.
"""

import sys
from collections.abc import Sequence
from typing import Any

from torch.profiler import ProfilerActivity, profile

from benchmarks.clock import Clock
from benchmarks.harness import arguments, publish
from benchmarks.sides import train_recipe
from condvae.config import load_recipe
from condvae.data import load_data

GROUPS = {
    "matrix products": ("aten::mm", "aten::addmm"),
    "Adam": ("aten::_fused_adam_", "Optimizer", "aten::_foreach"),
    "layer norm": ("aten::native_layer_norm",),
    "dropout": ("aten::random_", "aten::ge", "aten::mul", "aten::div_"),
    "ReLU and sigmoid": ("aten::relu", "aten::clamp_min", "aten::threshold", "aten::sigmoid"),
    "batches": ("aten::index", "aten::randperm", "DataLoader"),
}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, steps=200)
    data, paper = load_data("mnist"), load_recipe("paper")
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        train_recipe(paper, data, max_epochs=1, limit_train_batches=options.steps, limit_val_batches=0)
    groups = dict.fromkeys([*GROUPS, "other operations"], 0.0)
    for event in profiler.key_averages():
        found = (name for name, starts in GROUPS.items() if any(start in event.key for start in starts))
        groups[next(found, "other operations")] += event.self_cpu_time_total / 1e6
    groups["Python and Lightning"] = max(Clock.whole - sum(groups.values()), 0.0)
    rows = [
        {"part": name, "ms per step": f"{1000 * value / options.steps:.2f}", "share": f"{value / Clock.whole:.0%}"}
        for name, value in groups.items()
    ]
    return publish("profile", options.out, {"One step of recipe paper, under the profiler": rows}, seconds=groups)


if __name__ == "__main__":
    main(sys.argv[1:])
