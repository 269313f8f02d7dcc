"""A conditional gated PixelCNN: van den Oord et al., "Conditional Image Generation with PixelCNN Decoders",
https://arxiv.org/abs/1606.05328

It models grey levels of 8 bits, as the paper does, with a softmax over all 256: the images of the other peers and of
the evaluation are grey too, and binarised digits would be told from them at once. Pixels are drawn one after the other,
and what the network has computed for earlier pixels is kept, so that an image costs about as much as a step forward.
"""

from collections.abc import Callable
from typing import Any

import torch
from shared import TESTED, Clock, Task, Trained, fast, parameters, read_task, tested, write
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.functional import pad

FEATURES, LAYERS, HIDDEN, LEVELS = 32, 8, 64, 256
FIRST, REACH = 20, 1  # pixels above and to the left that the first layer and the others see: 28 in all, a whole image
BATCH, STEP_SIZE = 16, 2e-3
DRAWN = 500  # images that are drawn together
Choice = Callable[[Tensor, int, int], Tensor]  # logits (B, LEVELS), row and column to grey levels (B,)


def gate(features: Tensor) -> Tensor:
    """A product of tanh and sigmoid: (B, 2 F, H, W) to (B, F, H, W)."""
    one, other = features.chunk(2, 1)
    return one.tanh() * other.sigmoid()


class Layer(nn.Module):
    """A layer of both stacks. The vertical one sees the rows above a pixel, the horizontal one pixels to its left."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.vertical = nn.Conv2d(FEATURES, 2 * FEATURES, (REACH + 1, 2 * REACH + 1))
        self.horizontal = nn.Conv2d(FEATURES, 2 * FEATURES, (1, REACH + 1))
        self.link = nn.Conv2d(2 * FEATURES, 2 * FEATURES, 1)
        self.last = nn.Conv2d(FEATURES, FEATURES, 1)
        self.labels = nn.Embedding(classes, 4 * FEATURES)

    def down(self, above: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The vertical stack: features with REACH more rows at the top to new ones, and what the other stack gets."""
        found = self.vertical(pad(above, (REACH, REACH)))
        bias, other = self.labels(labels)[..., None, None].chunk(2, 1)
        return gate(found + bias), self.link(found) + other

    def along(self, left: Tensor, linked: Tensor) -> Tensor:
        """The horizontal stack: features with REACH more columns at the left to new ones."""
        return left[..., REACH:] + self.last(gate(self.horizontal(left) + linked))


class PixelCNN(nn.Module):
    """Images in [0, 1], (B, 1, H, W), and labels (B,) to logits of the grey levels, (B, LEVELS, H, W)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.above = nn.Conv2d(1, FEATURES, (FIRST, 2 * FIRST + 1))
        self.left = nn.Conv2d(1, FEATURES, (1, FIRST))
        self.layers: Any = nn.ModuleList([Layer(classes) for _ in range(LAYERS)])
        self.head = nn.Sequential(nn.ReLU(), nn.Conv2d(FEATURES, HIDDEN, 1), nn.ReLU(), nn.Conv2d(HIDDEN, LEVELS, 1))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        above = self.above(pad(x[:, :, :-1], (FIRST, FIRST, FIRST, 0)))
        left = self.left(pad(x[..., :-1], (FIRST, 0)))
        for layer in self.layers:
            above, linked = layer.down(pad(above, (0, 0, REACH, 0)), labels)
            left = layer.along(pad(left, (REACH, 0)), linked)
        return self.head(left)

    def draw(self, labels: Tensor, height: int, width: int, choose: Choice) -> Tensor:
        """Images in [0, 1], (B, 1, H, W), pixel by pixel.

        Args:
            labels: int64 (B,).
            height: of an image.
            width: of an image.
            choose: logits (B, LEVELS), the row and the column to grey levels, int64 (B,).
        """
        count = len(labels)
        x = torch.zeros(count, 1, FIRST + height, 2 * FIRST + width)  # with a margin above and at both sides
        strips = [torch.zeros(count, FEATURES, REACH, width) for _ in self.layers]  # the rows above
        for row in range(height):
            above, linked = self.above(x[:, :, row : row + FIRST]), []
            for number, layer in enumerate(self.layers):
                strip = torch.cat([strips[number], above], 2)
                strips[number] = strip[:, :, 1:]
                above, given = layer.down(strip, labels)
                linked.append(given)
            lines = [torch.zeros(count, FEATURES, 1, REACH + width) for _ in self.layers]
            pixels = x[:, :, FIRST + row : FIRST + row + 1]
            for column in range(width):
                left = self.left(pixels[..., column : column + FIRST])
                for line, layer, given in zip(lines, self.layers, linked, strict=True):
                    line[..., REACH + column] = left[..., 0]
                    window = line[..., column : column + REACH + 1]
                    left = layer.along(window, given[..., column : column + 1])
                levels = choose(self.head(left)[..., 0, 0].float(), row, column)
                pixels[:, 0, 0, FIRST + column] = levels / (LEVELS - 1)
        return x[:, :, FIRST:, FIRST:-FIRST]


def at_random(logits: Tensor, row: int, column: int) -> Tensor:
    """Draw a grey level for each image: logits (B, LEVELS) to (B,)."""
    return torch.multinomial(logits.softmax(1), 1)[:, 0]


def nats_of(network: PixelCNN, images: Tensor, labels: Tensor) -> Tensor:
    """-log p(x|y) of uint8 images, (B,)."""
    with fast():
        logits = network(images / (LEVELS - 1), labels)
    return functional.cross_entropy(logits.float(), images[:, 0].long(), reduction="none").sum((1, 2))


def train(task: Task) -> Trained:
    """Train the network on all pixels of an image at once."""
    channels, height, width = task.shape
    if channels > 1:
        raise SystemExit(f"This PixelCNN is for grey images, and these have {channels} channels.")
    network = PixelCNN(task.classes).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters(), STEP_SIZE, fused=True)
    clock = Clock(task.seconds)
    for chosen in clock.batches(len(task.images), BATCH):
        loss = nats_of(network, task.images[chosen], task.labels[chosen]).mean()
        optimizer.zero_grad()
        (loss / (height * width)).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        clock.schedule(optimizer, STEP_SIZE)
        optimizer.step()
        clock.note(loss.item())
    seconds, cores, nats, given = clock.elapsed, clock.cores, None, tested(task)
    if given is not None:
        with torch.inference_mode():
            parts = zip(given[0].split(100), given[1].split(100), strict=True)
            nats = torch.cat([nats_of(network, images, labels) for images, labels in parts])

    def draw(labels: Tensor) -> Tensor:
        with fast():
            return torch.cat([network.draw(part, height, width, at_random) for part in labels.split(DRAWN)])

    settings = {"batch": BATCH, "step size": STEP_SIZE, "features": FEATURES, "layers": LAYERS, "levels": LEVELS}
    measures = f"log p(x|y) of {TESTED:,} test images with grey levels of 8 bits"
    return Trained(draw, parameters(network), seconds, cores, clock.steps, settings, clock.curve(), nats, measures)


if __name__ == "__main__":
    given = read_task(__doc__)
    write(given, train(given))
