"""The judge: a classifier that scores images, and that no generative model was trained with.

The weights of the judge of MNIST ship with the package, so that figures can be compared between runs and machines. For
other data sets a judge is trained when it is first needed, and kept in the cache.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional

from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.errors import RunError
from condvae.images import ratio, reduced, unit, warped
from condvae.model.devices import fast_products
from condvae.progress import announce, progress
from condvae.seeds import seeded
from condvae.storage.files import cache_folder, sha256, write_bytes, write_text

SHIPPED = Path(str(files("condvae"))) / "weights"
WEIGHTS = SHIPPED / "judge-mnist.safetensors"
BATCH = 50  # such batches stay in the cache of the processor: three times as fast on two cores as batches of 1000


class Judge(nn.Module):
    """A small convolutional classifier: (B, C, H, W) floats in [0, 1] to (B, classes) logits.

    It sees large images averaged down, as `reduced` says.

    All other methods take tensors on the CPU and return tensors on the CPU, whatever the device of the judge is.

    Args:
        channels: C. Height and width can be any.
        classes: the number of classes.

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
        """Its name, and its accuracy on real test images."""
        card = self.card
        return f"{card['name']}, accuracy {card['test_accuracy']:.2%} on {card['test_images']:,} real test images"

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self._features(images))

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Tensor:
        """The most probable class of each image: (N, C, H, W) floats in [0, 1] to (N,) int64."""
        return self.classify(self.embed(images))

    @torch.inference_mode()
    def probabilities(self, images: Tensor) -> Tensor:
        """The probability of each class: (N, C, H, W) floats in [0, 1] to (N, classes), rows that sum to 1."""
        return self._logits(self.embed(images)).softmax(-1)

    @torch.inference_mode()
    def embed(self, images: Tensor) -> Tensor:
        """The features before the last layer: (N, C, H, W) floats in [0, 1] to (N, 128)."""
        return embedded(self._features, images, self.head.weight.device)

    @torch.inference_mode()
    def classify(self, features: Tensor) -> Tensor:
        """The most probable class for features: (N, 128) to (N,) int64."""
        return self._logits(features).argmax(-1)

    def correct(self, images: Tensor, labels: Tensor) -> Tensor:
        """1.0 where the predicted class is the label, else 0.0: (N,) floats."""
        return (self.predict(images) == labels).float()

    def accuracy(self, part: LabelledImages) -> float:
        """The share of images that are classified as their label."""
        batches = part.batches(20 * BATCH)
        right = [self.correct(unit(torch.from_numpy(one.pixels())), torch.from_numpy(one.labels)) for one in batches]
        return torch.cat(right).mean().item()

    def _features(self, images: Tensor) -> Tensor:
        return self.features(reduced(images))

    def _logits(self, features: Tensor) -> Tensor:
        return self.head(features.to(self.head.weight.device)).cpu()


def embedded(features: Callable[[Tensor], Tensor], images: Tensor, device: torch.device) -> Tensor:
    """Features of any number of images, computed on a device in small batches: (N, C, H, W) to (N, F) on the CPU."""
    with fast_products(device):
        return torch.cat([features(batch.to(device)).float().cpu() for batch in images.split(BATCH)])


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def find_judge(data: Dataset) -> Judge:
    """The judge of a data set: the one that ships for its source, or one trained on its training images and cached.

    Raises:
        RunError: the weights do not match the digest of their card.
        StorageError: the cache cannot be written.
    """
    path = _path_of(data)
    if not _is_there(path):
        _train_once(data, _settings_for(len(data.train)), path)
    return load_judge(path)


def has_judge(data: Dataset) -> bool:
    """Whether `find_judge` finds a judge that is trained already."""
    return _is_there(_path_of(data))


def load_judge(path: Path = WEIGHTS) -> Judge:
    """A judge from its weights and the card beside them, in evaluation mode, on the CPU.

    Raises:
        RunError: the weights do not match the digest of their card.
    """
    card = json.loads(path.with_suffix(".json").read_text("utf-8"))
    found = sha256(path)
    if found != card["sha256"]:
        fix = "Install condvae again" if path.parent == SHIPPED else f"Delete {path}"
        raise RunError(f"{path} has the SHA-256 digest {found}, but its card says {card['sha256']}. {fix}.")
    with torch.device("meta"):  # initial weights are not needed, and the global random state stays as it was
        judge = Judge(card["channels"], card["classes"])
    judge.load_state_dict(load_file(path), assign=True)
    judge.card = card
    return judge.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def save_judge(judge: Judge, card: Mapping[str, Any], path: Path = WEIGHTS) -> None:
    """Write the weights, and beside them their card, with the digest and the sizes of the judge."""
    write_bytes(path, save({name: tensor.contiguous() for name, tensor in judge.state_dict().items()}))
    sizes = {"channels": judge.features[0].in_channels, "classes": judge.head.out_features}
    write_text(path.with_suffix(".json"), json.dumps({**card, **sizes, "sha256": sha256(path)}, indent=2) + "\n")


@dataclass(frozen=True)
class JudgeTraining:
    """How a judge is trained: AdamW, a one-cycle schedule, and images that are shifted, rotated and scaled at random.

    Lengths are fractions of half the width of an image, angles are radians.
    """

    epochs: int = 15
    batch_size: int = 250
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    shift: float = 0.12
    turn: float = 0.15
    scale: float = 0.10
    seed: int = 0


def train_judge(part: LabelledImages, settings: JudgeTraining) -> Iterator[tuple[int, float, Judge]]:
    """Train a judge. After each epoch, yield (epoch, mean training loss in nats, the judge itself).

    The number of epochs is fixed beforehand and the last weights are kept, so that no test image has an influence.
    """
    torch.manual_seed(settings.seed)
    judge = Judge(part.shape[0], len(part.classes)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(judge.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    steps = settings.epochs * -(-len(part) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=steps)
    for epoch in range(settings.epochs):
        judge.train()
        total = 0.0
        for chosen in torch.randperm(len(part)).split(settings.batch_size):
            if len(chosen) == 1:  # batch normalisation needs at least two images
                chosen = chosen.repeat(2)
            loss = _loss(judge, part, chosen, settings)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(chosen)
        yield epoch, total / len(part), judge.eval()


def _loss(judge: Judge, part: LabelledImages, chosen: Tensor, settings: JudgeTraining) -> Tensor:
    """The cross-entropy of some images, by their positions, in nats."""
    images = unit(torch.from_numpy(part.pixels(chosen.numpy())))
    batch = _augmented(images, settings).contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):  # on any processor, because the judge that ships was trained so
        logits = judge(batch)
    return functional.cross_entropy(logits.float(), torch.from_numpy(part.labels)[chosen])


def _settings_for(images: int) -> JudgeTraining:
    """Settings for a judge that is trained while the user waits: about 300,000 images seen, in at most 100 epochs."""
    return JudgeTraining(epochs=max(2, min(100, 300_000 // images)), batch_size=max(2, min(250, images // 10)))


def _path_of(data: Dataset) -> Path:
    shipped = SHIPPED / f"judge-{data.source}.safetensors"
    if _is_there(shipped):
        return shipped
    return cache_folder() / "judges" / f"judge-{data.digest(_settings_for(len(data.train)))}.safetensors"


def _is_there(path: Path) -> bool:
    return path.with_suffix(".json").is_file()  # it is written last


def _train_once(data: Dataset, settings: JudgeTraining, path: Path) -> None:
    announce(f"Training a judge of '{data.source}'. It is kept for later")
    with seeded(), progress("Training the judge", settings.epochs, "epochs") as advance:
        for _, _, judge in train_judge(data.train, settings):  # noqa: B007
            advance(1)
    card = {
        "name": path.stem,
        "what": "classifier that scores generated images; independent of every generative model",
        "trained_on": f"{data.source}, {len(data.train)} training images",
        "settings": asdict(settings),
        "test_accuracy": round(judge.accuracy(data.test), 4),
        "test_images": len(data.test),
    }
    save_judge(judge, card, path)


def _augmented(images: Tensor, settings: JudgeTraining) -> Tensor:
    """Each image shifted, rotated and scaled at random."""
    count = len(images)
    turn = (2 * torch.rand(count) - 1) * settings.turn * ratio(images)
    scale = 1 + (2 * torch.rand(2, count) - 1) * settings.scale
    shift = (2 * torch.rand(2, count) - 1) * settings.shift
    return warped(images, turn, scale, shift)
