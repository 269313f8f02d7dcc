"""The original experiment, whole: train the CVAE and the plain autoencoder, measure, draw, report."""

from dataclasses import replace
from pathlib import Path

from condvae.config import Config, load_recipe
from condvae.data.dataset import Dataset
from condvae.data.sources import load_data
from condvae.errors import RunError
from condvae.evaluation.claims import Claim, assess
from condvae.evaluation.evaluate import QUICK, Evaluation, evaluate
from condvae.evaluation.study import Study, autoencoder_folder
from condvae.report.html import write_report
from condvae.run import Run
from condvae.training.fit import fit, resume


def reproduce(out: Path, seed: int) -> tuple[Evaluation, list[Claim]]:
    """Run the experiment into a run folder; what an interrupted call has done is not done again.

    Args:
        out: the run folder; the autoencoder goes into its folder `autoencoder`.
        seed: of both trainings.

    Returns:
        The evaluation and the claims of the trained model.

    Raises:
        RunError: `out` holds a run with other settings.
    """
    data = load_data(load_recipe("paper").data)
    _train_once("paper", out, seed, data)
    _train_once("autoencoder", autoencoder_folder(out), seed, data)
    print("Measuring the claims and drawing the figures ...", flush=True)
    study = Study(Run(out))
    evaluation = evaluate(study, QUICK)
    claims = assess(study, evaluation)
    write_report(study, evaluation, claims)
    return evaluation, claims


def _train_once(recipe: str, out: Path, seed: int, data: Dataset) -> None:
    config = _with_seed(load_recipe(recipe), seed)
    run = Run(out)
    if run.is_started and run.config() != config:
        raise RunError(
            f"{out} holds a run with other settings than recipe '{recipe}' with seed {seed}. Choose another --out."
        )
    if run.is_finished:
        print(f"{out} is trained already.", flush=True)
        return
    print(f"Training recipe '{recipe}' into {out} ...", flush=True)
    if run.is_started:
        resume(out, data=data)
    else:
        fit(config, out, data)


def _with_seed(config: Config, seed: int) -> Config:
    return replace(config, training=replace(config.training, seed=seed))
