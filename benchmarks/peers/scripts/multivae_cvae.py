"""multivae's CVAE, with the label as its conditioning modality: Senellart et al., https://github.com/AgatheSenellart/MultiVae

The joint encoder and the network of the label in it are multivae's own. The networks of the images are convolutional.
The decoder is not multivae's default, because that one ends with a sigmoid, and its Bernoulli likelihood takes logits.
"""

import sys
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock

# multivae imports torchvision for figures, for data sets and for Inception networks, which the CVAE needs none of.
# torchvision is not installed, so a stand-in takes its place.
for name in ("", ".datasets", ".datasets.utils", ".models", ".transforms", ".utils"):
    stand_in: ModuleType = MagicMock()
    sys.modules[f"torchvision{name}"] = stand_in

import torch  # noqa: E402
from multivae import trainers  # noqa: E402
from multivae.data.datasets.base import DatasetOutput, MultimodalBaseDataset  # noqa: E402
from multivae.models import CVAE, CVAEConfig  # noqa: E402
from multivae.models.base import ModelOutput  # noqa: E402
from multivae.models.base.base_config import BaseAEConfig  # noqa: E402
from multivae.models.nn.base_architectures import BaseConditionalDecoder, BaseEncoder  # noqa: E402
from multivae.models.nn.default_architectures import Encoder_VAE_MLP, MultipleHeadJointEncoder  # noqa: E402
from shared import (  # noqa: E402
    BATCH,
    BINARISED,
    STEP_SIZE,
    Task,
    Trained,
    binarised_nats,
    log_gaussian,
    parameters,
    read_task,
    run_in_time,
    write,
)
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

IMAGE, LABEL = "image", "label"
LATENT, WIDTH, HIDDEN = 16, 32, 256


class Encoder(BaseEncoder):  # type: ignore[misc]
    """Two convolutions and a dense layer: images (B, C, H, W) to features for the joint encoder."""

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = shape
        self.latent_dim = HIDDEN
        self.layers = nn.Sequential(
            nn.Conv2d(channels, WIDTH, 4, 2, 1), nn.ReLU(), nn.Conv2d(WIDTH, 2 * WIDTH, 4, 2, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(2 * WIDTH * (height // 4) * (width // 4), HIDDEN), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Any:
        return ModelOutput(embedding=self.layers(x))


class Decoder(BaseConditionalDecoder):  # type: ignore[misc]
    """Two dense layers and two transposed convolutions: z (B, Z) and the label to logits of the pixels."""

    def __init__(self, shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        channels, self.height, self.width = shape
        self.latent_dim = LATENT
        small = -(-self.height // 4), -(-self.width // 4)
        self.layers = nn.Sequential(
            nn.Linear(LATENT + classes, HIDDEN), nn.ReLU(),
            nn.Linear(HIDDEN, 2 * WIDTH * small[0] * small[1]), nn.ReLU(), nn.Unflatten(1, (2 * WIDTH, *small)),
            nn.ConvTranspose2d(2 * WIDTH, WIDTH, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(WIDTH, channels, 4, 2, 1),
        )  # fmt: skip

    def forward(self, z: Tensor, given: dict[str, Tensor]) -> Any:
        logits = self.layers(torch.cat([z, given[LABEL]], 1))
        return ModelOutput(reconstruction=logits[..., : self.height, : self.width])


class Binarised(MultimodalBaseDataset):  # type: ignore[misc]
    """Images whose pixels are drawn anew each time, and their labels."""

    def __getitem__(self, index: int) -> Any:
        image = torch.bernoulli(self.data[IMAGE][index] / 255)
        return DatasetOutput(data={IMAGE: image, LABEL: self.data[LABEL][index]})


def build(shape: tuple[int, int, int], classes: int) -> CVAE:
    """A model that is not trained."""
    config = CVAEConfig(
        conditioning_modalities=[LABEL],
        main_modality=IMAGE,
        input_dims={IMAGE: shape, LABEL: (classes,)},
        latent_dim=LATENT,
        decoder_dist="bernoulli",
    )
    of_label = Encoder_VAE_MLP(BaseAEConfig(input_dim=(classes,), latent_dim=LATENT))
    encoder = MultipleHeadJointEncoder({IMAGE: Encoder(shape), LABEL: of_label}, config)
    return CVAE(config, encoder, Decoder(shape, classes))


def one_hot(task: Task, labels: Tensor) -> Tensor:
    """Labels (B,) as vectors (B, classes)."""
    return functional.one_hot(labels, task.classes).float()


def train(task: Task) -> Trained:
    """Train the model, and measure its likelihood."""
    model = build(task.shape, task.classes)
    part = Binarised({IMAGE: task.images, LABEL: one_hot(task, task.labels)})
    clock = run_in_time(trainers, model, part, task.seconds, task.seed)
    seconds, cores = clock.elapsed, clock.cores

    def draw(labels: Tensor) -> Tensor:
        codes = model.generate_from_prior({LABEL: one_hot(task, labels)})
        return model.decode(codes).reconstruction.sigmoid()

    def encode(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        found = model.encoder({IMAGE: images, LABEL: one_hot(task, labels)})
        return found.embedding, found.log_covariance

    def log_joint(images: Tensor, labels: Tensor, z: Tensor) -> Tensor:
        logits = model.decoder(z, {LABEL: one_hot(task, labels)}).reconstruction
        log_p = -functional.binary_cross_entropy_with_logits(logits, images, reduction="none").sum((1, 2, 3))
        return log_p + log_gaussian(z, torch.zeros_like(z), torch.zeros_like(z))

    settings = {"latent": LATENT, "width": WIDTH, "hidden": HIDDEN, "batch": BATCH, "step size": STEP_SIZE}
    nats = binarised_nats(task, encode, log_joint)
    return Trained(draw, parameters(model), seconds, cores, clock.steps, settings, clock.curve(), nats, BINARISED)


if __name__ == "__main__":
    given = read_task(__doc__)
    write(given, train(given))
