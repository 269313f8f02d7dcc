"""How well a training would use many processors, on paper: what a step computes, starts and sends.

Nothing here was measured on GPUs. The constants are the assumptions, and can be replaced. That gradients are sent while
others are still computed is not counted.
"""

from math import ceil, log2
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.decoding import DIGITS
from condvae.model.cvae import CVAE
from condvae.recipe import load_recipe

LARGE = 8000  # images
COUNTS = (2, 8, 64, 1024)


class Machine(NamedTuple):
    """A processor and the network to the others.

    Attributes:
        name: of both.
        rate: floating-point operations a second.
        start: seconds that a step takes at least, to start its kernels one after the other.
        speed: bytes a second in one direction.
        delay: seconds until the first byte is there.
        most: how many processors the network has at most.
    """

    name: str
    rate: float
    start: float
    speed: float
    delay: float
    most: int = 1_000_000


GPU = 2e14, 5e-3  # a fifth of the 989 TFLOP/s of an H100 in bfloat16
CPU = 2e11, 5e-3  # two cores like those of this machine, with recipe conv
MACHINES = (
    Machine("H100, NVLink 4", *GPU, 450e9, 3e-6, most=8),
    Machine("H100, InfiniBand NDR", *GPU, 50e9, 5e-6),
    Machine("H100, 10 Gb Ethernet", *GPU, 1.25e9, 50e-6),
    Machine("two cores, 10 Gb Ethernet", *CPU, 1.25e9, 50e-6),
)


def efficiencies(recipe: str) -> list[dict[str, Any]]:
    """How many times as fast N processors are as one, divided by N, for the batch of the recipe and a large one."""
    config = load_recipe(recipe)
    model = CVAE(config.model, DIGITS)
    operations, size = operations_an_image(model), 4 * sum(one.numel() for one in model.parameters())
    rows = []
    for batch in (config.training.batch_size, LARGE):
        for machine in MACHINES:
            alone = step(operations, batch, machine)
            row = {"recipe": recipe, "images in a step": f"{batch:,}", "processor and network": machine.name}
            for count in COUNTS:
                together = step(operations, ceil(batch / count), machine) + sending(size, count, machine)
                share = f"{alone / (count * together):.1%}"
                row[f"{count:,}"] = share if count <= machine.most else "-"
            rows.append(row)
    return rows


def step(operations: float, images: int, machine: Machine) -> float:
    """Seconds of a step without communication."""
    return max(machine.start, operations * images / machine.rate)


def sending(size: int, count: int, machine: Machine) -> float:
    """Seconds until all processors have the sum of their gradients.

    Each byte is sent and received nearly twice (a ring). The first one passes through a tree, up and down.
    """
    return 2 * size * (count - 1) / count / machine.speed + 2 * ceil(log2(count)) * machine.delay


def operations_an_image(model: CVAE) -> float:
    """Floating-point operations of a training step for one image: forwards and backwards."""
    images = torch.zeros(2, *model.schema.shape)
    given = torch.zeros(2, len(model.conditions.variables))
    with FlopCounterMode(display=False) as counter:
        model.elbo(model.observe(images), given, 1.0, 0.0, 1).value.sum().backward()
    return float(counter.get_total_flops()) / 2
