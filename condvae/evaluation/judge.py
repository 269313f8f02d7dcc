"""The judge: a classifier that no generative model was trained with, to score images.

The weights of the judge of MNIST ship with the package, so that figures are comparable between runs and machines. For
other data a judge is trained when it is first needed, and kept in the cache.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional

from condvae.data.dataset import Dataset, LabelledImages
from condvae.errors import RunError
from condvae.files import cache_folder, sha256, write_bytes, write_text
from condvae.seeds import seeded

WEIGHTS = Path(str(files("condvae"))) / "weights" / "judge-mnist.safetensors"


BATCH = 50  # small batches stay in the cache: three times as fast on two cores as batches of 1000


class Judge(nn.Module):
    """A small convolutional classifier: (B, C, H, W) floats in [0, 1] to (B, classes) logits.

    Args:
        channels: C; height and width are any.
        classes: how many there are.

    Attributes:
        card: what it was trained on and how, and its accuracy on the test images.
    """

    def __init__(self, channels: int = 1, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_block(channels, 32), *_block(32, 32), nn.MaxPool2d(2, ceil_mode=True),
            *_block(32, 64), *_block(64, 64), nn.MaxPool2d(2, ceil_mode=True),
            *_block(64, 128), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Linear(128, classes)
        self.card: dict[str, Any] = {}

    @property
    def description(self) -> str:
        """Its name, and how often it is right itself."""
        card = self.card
        return f"{card['name']}, right about {card['test_accuracy']:.2%} of {card['test_images']:,} real test images"

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Tensor:
        """The most probable class of each image: (N, C, H, W) floats in [0, 1] to (N,) int64."""
        return self.classify(self.embed(images))

    @torch.inference_mode()
    def probabilities(self, images: Tensor) -> Tensor:
        """How sure the judge is of each class: (N, C, H, W) floats in [0, 1] to (N, classes), rows that sum to 1."""
        return self.head(self.embed(images)).softmax(-1)

    @torch.inference_mode()
    def embed(self, images: Tensor) -> Tensor:
        """The features before the last layer: (N, C, H, W) floats in [0, 1] to (N, 128)."""
        return torch.cat([self.features(batch) for batch in images.split(BATCH)])

    @torch.inference_mode()
    def classify(self, features: Tensor) -> Tensor:
        """The most probable class for features: (N, 128) to (N,) int64."""
        return self.head(features).argmax(-1)

    def correct(self, images: Tensor, labels: Tensor) -> Tensor:
        """1.0 where the predicted class is the label, else 0.0: (N,) floats."""
        return (self.predict(images) == labels).float()


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def find_judge(data: Dataset) -> Judge:
    """The judge of a data set: the shipped one for MNIST, or one trained on its training images and kept in the cache.

    Raises:
        RunError: the shipped weights do not match the digest of their card.
        StorageError: the cache cannot be written.
    """
    if data.source == "mnist":
        return load_judge(WEIGHTS)
    path = _path_of(data)
    if not _is_there(path):
        _train_on_the_spot(data, _settings_for(len(data.train)), path)
    return load_judge(path)


def has_judge(data: Dataset) -> bool:
    """Whether `find_judge` finds one at once, rather than to train it first."""
    return data.source == "mnist" or _is_there(_path_of(data))


def load_judge(path: Path = WEIGHTS) -> Judge:
    """A judge from its weights and the card beside them, ready to use.

    Raises:
        RunError: the weights do not match the digest of their card.
    """
    card = json.loads(path.with_suffix(".json").read_text("utf-8"))
    found = sha256(path)
    if found != card["sha256"]:
        mend = "Install condvae again" if path == WEIGHTS else f"Delete {path}"
        raise RunError(f"{path} has the SHA-256 digest {found}, its card says {card['sha256']}. {mend}.")
    with torch.device("meta"):  # no first weights to draw, so that the global random state stays as it is
        judge = Judge(card["channels"], card["classes"])
    judge.load_state_dict(load_file(path), assign=True)
    judge.card = card
    return judge.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def save_judge(judge: Judge, card: Mapping[str, Any], path: Path = WEIGHTS) -> None:
    """Write the weights and, beside them, their card, to which the digest and the sizes are added."""
    write_bytes(path, save({name: tensor.contiguous() for name, tensor in judge.state_dict().items()}))
    sizes = {"channels": judge.features[0].in_channels, "classes": judge.head.out_features}
    write_text(path.with_suffix(".json"), json.dumps({**card, **sizes, "sha256": sha256(path)}, indent=2) + "\n")


@dataclass(frozen=True)
class JudgeTraining:
    """How the judge is trained: AdamW, one-cycle schedule, images moved, turned and scaled at random."""

    epochs: int = 15
    batch_size: int = 250
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    shift: float = 0.12
    turn: float = 0.15
    scale: float = 0.10
    seed: int = 0


def train_judge(
    images: Tensor, labels: Tensor, classes: int, settings: JudgeTraining
) -> Iterator[tuple[int, float, Judge]]:
    """Train a judge, and yield (epoch, mean training loss in nats, the judge itself) after each epoch.

    The number of epochs is fixed beforehand and the last weights are kept: no test image is looked at.

    Args:
        images: (N, C, H, W) floats in [0, 1].
        labels: (N,) int64.
        classes: how many there are.
        settings: lengths are fractions of half the image's width, turns are radians.
    """
    torch.manual_seed(settings.seed)
    judge = Judge(images.shape[1], classes).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(judge.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    steps = settings.epochs * -(-len(images) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=steps)
    for epoch in range(settings.epochs):
        judge.train()
        total = 0.0
        for chosen in torch.randperm(len(images)).split(settings.batch_size):
            if len(chosen) == 1:  # of which there is no variance to normalise by
                chosen = chosen.repeat(2)
            batch = _moved(images[chosen], settings).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                logits = judge(batch)
            loss = functional.cross_entropy(logits.float(), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(chosen)
        yield epoch, total / len(images), judge.eval()


def _settings_for(images: int) -> JudgeTraining:
    """Fewer epochs than the shipped judge's, because somebody waits: 300,000 images seen, but 100 epochs at most."""
    return JudgeTraining(epochs=max(2, min(100, 300_000 // images)), batch_size=max(2, min(250, images // 10)))


def _path_of(data: Dataset) -> Path:
    return cache_folder() / "judges" / f"judge-{data.digest(_settings_for(len(data.train)))}.safetensors"


def _is_there(path: Path) -> bool:
    return path.with_suffix(".json").is_file()  # which is written last


def _train_on_the_spot(data: Dataset, settings: JudgeTraining, path: Path) -> None:
    print(f"Training a judge of '{data.source}', once ({settings.epochs} epochs) ...", flush=True)
    with seeded():
        *_, (_, _, judge) = train_judge(*_tensors(data.train), len(data.train.classes), settings)
    accuracy = judge.correct(*_tensors(data.test)).mean().item()
    print(f"The judge is right about {accuracy:.2%} of the test images.", flush=True)
    card = {
        "name": path.stem,
        "what": "classifier that scores generated images; independent of every generative model",
        "trained_on": f"{data.source}, {len(data.train)} training images",
        "settings": asdict(settings),
        "test_accuracy": round(accuracy, 4),
        "test_images": len(data.test),
    }
    save_judge(judge, card, path)


def _tensors(part: LabelledImages) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(part.images) / 255, torch.from_numpy(part.labels)


def _moved(images: Tensor, settings: JudgeTraining) -> Tensor:
    """Each image shifted, turned and scaled at random."""
    count = len(images)
    turn = (2 * torch.rand(count) - 1) * settings.turn
    scale = 1 + (2 * torch.rand(2, count) - 1) * settings.scale
    shift = (2 * torch.rand(2, count) - 1) * settings.shift
    rows = [
        torch.stack([turn.cos() * scale[0], -turn.sin() * scale[0], shift[0]], -1),
        torch.stack([turn.sin() * scale[1], turn.cos() * scale[1], shift[1]], -1),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)
