"""The original experiment, from training to the report."""

from dataclasses import replace
from pathlib import Path

from condvae.config import Config
from condvae.data.dataset import Dataset
from condvae.data.sources import load_data
from condvae.errors import RunError
from condvae.evaluation.claims import Claim, assess
from condvae.evaluation.evaluate import Evaluation, evaluate, quick_parts
from condvae.evaluation.study import Study, autoencoder_folder
from condvae.model.devices import find_device
from condvae.progress import announce
from condvae.recipe import load_recipe
from condvae.report.html import write_report
from condvae.run import Run
from condvae.training.fit import fit, resume

AUTO = "auto"  # the device that Lightning chooses, which is a GPU if there is one


def reproduce(out: Path, seed: int, device: str = AUTO) -> tuple[Evaluation, list[Claim]]:
    """Run the experiment: train the CVAE and a plain autoencoder, evaluate them, and write the report.

    If an earlier call was interrupted, this one continues where it stopped.

    Args:
        out: the run folder. The autoencoder goes into its folder `autoencoder`.
        seed: the seed of both trainings.
        device: the device that trains and measures: auto, cpu, cuda or mps.

    Returns:
        The evaluation and the claims of the trained model.

    Raises:
        ConfigError: there is no such device.
        RunError: `out` holds a run with other settings.
    """
    place = find_device(device)
    data = load_data(load_recipe("paper").data)
    _train_once("paper", out, seed, device, data)
    _train_once("autoencoder", autoencoder_folder(out), seed, device, data)
    announce("Measuring the claims and drawing the figures")
    study = Study(Run(out), device=place)
    evaluation = evaluate(study, quick_parts())
    claims = assess(study, evaluation)
    write_report(study, evaluation, claims)
    return evaluation, claims


def _train_once(recipe: str, out: Path, seed: int, device: str, data: Dataset) -> None:
    config = _on(device, _with_seed(load_recipe(recipe), seed))
    run = Run(out)
    if run.is_started and _on(AUTO, run.config()) != _on(AUTO, config):
        raise RunError(
            f"{out} holds a run with other settings than recipe '{recipe}' with seed {seed}. Choose another --out."
        )
    if run.is_finished:
        print(f"{out} is trained already.", flush=True)
        return
    announce(f"Training recipe '{recipe}' into {out}")
    if run.is_started:
        resume(out, config.trainer, data)
    else:
        fit(config, out, data)


def _with_seed(config: Config, seed: int) -> Config:
    return replace(config, training=replace(config.training, seed=seed))


def _on(device: str, config: Config) -> Config:
    """The same settings on another device. A run does not depend on where it is trained."""
    trainer = {name: value for name, value in config.trainer.items() if name != "accelerator"}
    return replace(config, trainer=trainer if device == AUTO else {**trainer, "accelerator": device})
