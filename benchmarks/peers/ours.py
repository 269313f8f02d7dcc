"""The side of condvae: one model, trained for the same minutes, which draws from its prior and from its mixture."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.drawing import Drawn, Options, labels_of
from condvae.config import Z_PRIORS
from condvae.data.dataset import Dataset
from condvae.evaluation.evaluate import evaluate
from condvae.evaluation.protocol import Protocol
from condvae.evaluation.study import Study
from condvae.inference.batched import MIXTURE
from condvae.inference.operations import generate
from condvae.recipe import load_recipe
from condvae.training.auto import RECIPE, STEPS, auto
from condvae.training.fit import fit

RECIPES = {"mnist": "conv"}  # other data gets recipe auto
TIMED = 1000  # images, of which the time is measured
PROTOCOL = Protocol(importance_samples=100, images=2000)  # as many as the peers have, see scripts/shared.py


def ours(data: Dataset, options: Options) -> Iterator[tuple[str, Drawn]]:
    """Images drawn from the prior and from the mixture of one model, with the names of their rows."""
    with tempfile.TemporaryDirectory() as folder:
        study, numbers = trained(data, options, Path(folder) / "run")
        labels = labels_of(data, options.count)
        for prior in Z_PRIORS:
            started = time.perf_counter()
            draw(study, labels_of(data, TIMED), prior, options.seed + 1)
            seconds = time.perf_counter() - started
            images = draw(study, labels, prior, options.seed)
            own = {**numbers}
            if prior == MIXTURE:  # nats are those of the prior
                own |= {"nats": None, "nats_error": None, "seconds": own["seconds"] + own["seconds of the mixture"]}
            yield f"condvae, {prior}", Drawn(images, labels, {**own, "seconds_per_1000": seconds})


def trained(data: Dataset, options: Options, path: Path) -> tuple[Study, dict[str, Any]]:
    """A trained model with its mixture, and numbers of it."""
    recipe = RECIPES.get(data.source, RECIPE)
    config = load_recipe(recipe)
    if recipe == RECIPE:
        config, _ = auto(data, config, {STEPS})
    every = replace(config.data, validation_split=0)  # the peers train on all training images as well
    config = replace(config, data=every, training=replace(config.training, seed=options.seed))
    started, worked = time.perf_counter(), time.process_time()
    fit(config, path, data, minutes=options.minutes)
    seconds = time.perf_counter() - started
    cores = (time.process_time() - worked) / seconds
    study = Study(path, data)
    started = time.perf_counter()
    draw(study, labels_of(data, 10), MIXTURE, options.seed)  # fits the mixture
    mixture = time.perf_counter() - started
    likelihood = evaluate(study, ["likelihood"], PROTOCOL)["likelihood"]
    return study, {
        "seconds": seconds,
        "cores": cores,
        "steps": study.description["record"]["steps"],
        "parameters": study.model.parameter_count,
        "nats": likelihood.nll.value if likelihood else None,
        "nats_error": likelihood.nll.error if likelihood else None,
        "measures": f"log p(x|y) of {likelihood.nll.count:,} test images: {likelihood.measures}" if likelihood else "",
        "seconds of the mixture": mixture,
        "settings": {"recipe": recipe, "config": study.description["config"]},
    }


def draw(study: Study, labels: NDArray[np.int64], prior: str, seed: int) -> NDArray[np.uint8]:
    """An image of each label, uint8 (N, C, H, W)."""
    chosen = study.mixture if prior == MIXTURE else prior
    return generate(study.model, labels.tolist(), seed=seed, prior=chosen)
