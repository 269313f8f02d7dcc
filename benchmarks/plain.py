"""The experiment as it is usually written, to compare the speed with. It does not use condvae."""

import lightning.pytorch as pl
import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset


class Images(Dataset[tuple[Tensor, int]]):
    """One image at a time, with the steps of torchvision's MNIST and ToTensor: to a Pillow image, then to a tensor."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = torch.from_numpy(images[:, 0]), torch.from_numpy(labels)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self.images[index].numpy())
        pixels = torch.from_numpy(np.array(picture, np.uint8, copy=True)).view(28, 28, 1)
        return pixels.permute(2, 0, 1).contiguous().to(torch.float32).div(255), int(self.labels[index])


def block(inputs: int, outputs: int) -> list[nn.Module]:
    """A hidden layer with normalisation, activation and dropout."""
    return [nn.Linear(inputs, outputs), nn.LayerNorm(outputs), nn.ReLU(), nn.Dropout(0.25)]


class PlainCVAE(pl.LightningModule):
    """The model of recipe `paper`: a CVAE with two latent dimensions, trained with the squared error alone."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(*block(784 + 10, 512), *block(512, 256), *block(256, 128))
        self.mean, self.logvar = nn.Linear(128, 2), nn.Linear(128, 2)
        self.decoder = nn.Sequential(*block(2 + 10, 128), *block(128, 256), *block(256, 512), nn.Linear(512, 784))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        y = nn.functional.one_hot(labels, 10).float()
        features = self.encoder(torch.cat([x.flatten(1), y], 1))
        mean, logvar = self.mean(features), self.logvar(features)
        z = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean) if self.training else mean
        return torch.sigmoid(self.decoder(torch.cat([z, y], 1))).view_as(x)

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        x, labels = batch
        loss = nn.functional.mse_loss(self(x, labels), x)
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def loader(images: np.ndarray, labels: np.ndarray) -> DataLoader[tuple[Tensor, int]]:
    """Shuffled batches of 100 images."""
    return DataLoader(Images(images, labels), batch_size=100, shuffle=True)
