"""Small sweeps for tests."""

from pathlib import Path
from typing import Any

import yaml

SMALL = {
    "model.encoder": [16],
    "model.decoder": [16],
    "model.likelihood": "bernoulli",
    "training.beta": 1,
    "data.validation_split": 1000,
    "trainer.max_epochs": 3,
    "trainer.limit_train_batches": 20,
}


def written(path: Path, **content: Any) -> Path:
    """A file of a sweep whose trials take a second, with other keys than usual."""
    path.write_text(yaml.safe_dump({"recipe": "paper", "settings": SMALL, **content}))
    return path
