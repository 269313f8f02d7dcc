"""A conditional flow from noise to images by flow matching: Lipman et al., https://arxiv.org/abs/2210.02747

A small U-Net gets a point on the straight line between noise and an image, the time and the label, and learns the
velocity. Images are drawn with the midpoint rule, without guidance. Squares of 2 x 2 pixels become channels, so that
the network works on images of half the height and width.
"""

from math import log

import torch
from shared import Clock, Task, Trained, fast, parameters, read_task, write
from torch import Tensor, nn
from torch.nn import functional

WIDTH, CODE, GROUPS = 64, 128, 8
BATCH, STEP_SIZE, MIDPOINTS = 64, 1e-3, 15


class Block(nn.Module):
    """Two convolutions with a shortcut. Time and label scale and shift the channels between them."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.GroupNorm(GROUPS, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1))
        self.normal, self.code = nn.GroupNorm(GROUPS, outputs), nn.Linear(CODE, 2 * outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale, shift = self.code(code)[..., None, None].chunk(2, 1)
        inner = self.normal(self.first(x)) * (1 + scale) + shift
        return self.shortcut(x) + self.second(functional.silu(inner))


class UNet(nn.Module):
    """Points (B, C, H, W), times (B,) and labels (B,) to velocities (B, C, H, W). H and W are multiples of 4."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.label = nn.Embedding(classes, CODE)
        self.time = nn.Sequential(nn.Linear(CODE, CODE), nn.SiLU(), nn.Linear(CODE, CODE))
        self.first = nn.Conv2d(4 * channels, WIDTH, 3, padding=1)
        self.down = nn.ModuleList([Block(WIDTH, WIDTH), Block(WIDTH, WIDTH)])
        self.halve = nn.Conv2d(WIDTH, 2 * WIDTH, 3, 2, padding=1)
        self.middle = nn.ModuleList([Block(2 * WIDTH, 2 * WIDTH), Block(2 * WIDTH, 2 * WIDTH)])
        self.grow = nn.Sequential(nn.Conv2d(2 * WIDTH, 4 * WIDTH, 1), nn.PixelShuffle(2))
        self.up = nn.ModuleList([Block(2 * WIDTH, WIDTH), Block(WIDTH, WIDTH)])
        self.last = nn.Sequential(
            nn.GroupNorm(GROUPS, WIDTH), nn.SiLU(), nn.Conv2d(WIDTH, 4 * channels, 3, padding=1), nn.PixelShuffle(2)
        )

    def forward(self, x: Tensor, times: Tensor, labels: Tensor) -> Tensor:
        frequencies = torch.exp(-log(1000) * torch.linspace(0, 1, CODE // 2))
        angles = 1000 * times[:, None] * frequencies
        code = functional.silu(self.time(torch.cat([angles.sin(), angles.cos()], 1)) + self.label(labels))
        x = self.first(functional.pixel_unshuffle(x, 2))
        for block in self.down:
            x = block(x, code)
        small = self.halve(x)
        for block in self.middle:
            small = block(small, code)
        x = torch.cat([x, self.grow(small)], 1)
        for block in self.up:
            x = block(x, code)
        return self.last(x)


def padded(images: Tensor) -> Tensor:
    """uint8 images as floats in [-1, 1], with height and width filled up to multiples of 4."""
    height, width = images.shape[-2:]
    return functional.pad(images / 127.5 - 1, (0, -width % 4, 0, -height % 4), value=-1.0)


def train(task: Task) -> Trained:
    """Train the network on random points of random lines."""
    network = UNet(task.shape[0], task.classes).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), STEP_SIZE, fused=True)
    images, (_, height, width) = padded(task.images), task.shape
    clock = Clock(task.seconds)
    for chosen in clock.batches(len(images), BATCH):
        ends = images[chosen]
        starts, times = torch.randn_like(ends), torch.rand(len(ends))
        points = starts + times[:, None, None, None] * (ends - starts)
        with fast():
            velocities = network(points.contiguous(memory_format=torch.channels_last), times, task.labels[chosen])
        loss = (velocities.float() - (ends - starts)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        clock.schedule(optimizer, STEP_SIZE)
        optimizer.step()
        clock.note(loss.item())
    seconds, cores = clock.elapsed, clock.cores

    def draw(labels: Tensor) -> Tensor:
        x = torch.randn(len(labels), *images.shape[1:]).contiguous(memory_format=torch.channels_last)
        for step in range(MIDPOINTS):
            start = torch.full((len(labels),), step / MIDPOINTS)
            with fast():
                half = x + network(x, start, labels).float() / (2 * MIDPOINTS)
                x = x + network(half, start + 1 / (2 * MIDPOINTS), labels).float() / MIDPOINTS
        return (x[..., :height, :width] + 1) / 2

    settings = {"batch": BATCH, "step size": STEP_SIZE, "width": WIDTH, "midpoint steps": MIDPOINTS}
    return Trained(draw, parameters(network), seconds, cores, clock.steps, settings, clock.curve())


if __name__ == "__main__":
    given = read_task(__doc__)
    write(given, train(given))
