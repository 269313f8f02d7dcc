"""A conditional DCGAN: Radford et al., https://arxiv.org/abs/1511.06434, with the label in both networks.

The settings are those of the paper: Adam with a step size of 2e-4 and beta1 = 0.5, batches of 128, weights from
N(0, 0.02), batch normalisation, and leaky units in the discriminator. The label is a further input of the generator
beside the noise, and a further channel of the images for the discriminator.
"""

import torch
from shared import Clock, Task, Trained, fast, parameters, read_task, write
from torch import Tensor, nn
from torch.nn import functional

NOISE, EMBEDDING, WIDTH = 100, 50, 64
BATCH, STEP_SIZE, BETAS = 128, 2e-4, (0.5, 0.999)


class Generator(nn.Module):
    """Noise (B, NOISE) and labels (B,) to images in [-1, 1], (B, C, H, W)."""

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.height, self.width = shape[1:]
        self.small = -(-self.height // 4), -(-self.width // 4)
        self.embedding = nn.Embedding(classes, EMBEDDING)
        self.first = nn.Linear(NOISE + EMBEDDING, 2 * WIDTH * self.small[0] * self.small[1], bias=False)
        self.layers = nn.Sequential(
            nn.BatchNorm2d(2 * WIDTH), nn.ReLU(),
            nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, 2, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU(),
            nn.ConvTranspose2d(WIDTH, shape[0], 4, 2, 1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        start = self.first(torch.cat([noise, self.embedding(labels)], 1))
        images = self.layers(start.view(-1, 2 * WIDTH, *self.small))
        return images[..., : self.height, : self.width]


class Discriminator(nn.Module):
    """Images in [-1, 1], (B, C, H, W), and labels (B,) to logits that the images are real, (B,)."""

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        channels, self.height, self.width = shape
        self.embedding = nn.Embedding(classes, self.height * self.width)
        self.layers = nn.Sequential(
            nn.Conv2d(channels + 1, WIDTH, 4, 2, 1), nn.LeakyReLU(0.2),
            nn.Conv2d(WIDTH, 2 * WIDTH, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * WIDTH), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(2 * WIDTH * (self.height // 4) * (self.width // 4), 1),
        )  # fmt: skip

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        label = self.embedding(labels).view(-1, 1, self.height, self.width)
        return self.layers(torch.cat([images, label], 1))[:, 0]


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)


def step(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step of the networks of an optimizer."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def train(task: Task) -> Trained:
    """Train both networks in turn."""
    generator, discriminator = Generator(task.shape, task.classes), Discriminator(task.shape, task.classes)
    for network in (generator, discriminator):
        network.apply(_start).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizers = [torch.optim.Adam(one.parameters(), STEP_SIZE, BETAS) for one in (generator, discriminator)]
    clock = Clock(task.seconds)
    for chosen in clock.batches(len(task.images), BATCH):
        real, labels = task.images[chosen] / 127.5 - 1, task.labels[chosen]
        with fast():
            made = generator(torch.randn(len(chosen), NOISE), labels)
            on_real, on_made = discriminator(real, labels).float(), discriminator(made.detach(), labels).float()
        loss = functional.softplus(-on_real).mean() + functional.softplus(on_made).mean()
        step(optimizers[1], loss)
        with fast():
            on_made = discriminator(made, labels).float()
        step(optimizers[0], functional.softplus(-on_made).mean())
        clock.note(loss.item())
    seconds, cores = clock.elapsed, clock.cores
    generator.eval()

    def draw(labels: Tensor) -> Tensor:
        return (generator(torch.randn(len(labels), NOISE), labels) + 1) / 2

    settings = {"batch": BATCH, "step size": STEP_SIZE, "betas": BETAS, "noise": NOISE, "width": WIDTH}
    count = parameters(generator, discriminator)
    return Trained(draw, count, seconds, cores, clock.steps, settings, clock.curve())


if __name__ == "__main__":
    given = read_task(__doc__)
    write(given, train(given))
