"""Train, measure and write the model that ships with the package: python scripts/pretrained.py

It is the recipe `plane` with narrower networks, and weights in half precision. It takes about 15 minutes on two
cores.
"""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from condvae.evaluation.evaluate import evaluate
from condvae.evaluation.study import Study
from condvae.model.saving import save_model
from condvae.recipe import load_recipe
from condvae.run import SHIPPED, Run
from condvae.training.fit import fit

ENCODER, DECODER = (448, 320), (192, 320)  # so that the weights have less than 3 MB
PARTS = ("reconstruction", "codes", "accuracy", "likelihood", "styles", "memorisation", "realism")
KEPT = ("config.yaml", "metrics.csv", "model.safetensors", "model.json", "mixture.safetensors", "evaluation.json")


def main() -> None:
    config = load_recipe("plane")
    config = replace(config, model=replace(config.model, encoder=ENCODER, decoder=DECODER))
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        fit(config, run.path)
        study = Study(run)
        save_model(run, study.model.half(), study.config, study.description["record"])
        evaluation = evaluate(Study(run), PARTS)
        SHIPPED.mkdir(exist_ok=True)
        for name in KEPT:
            shutil.copy(run.path / name, SHIPPED / name)
    for heading, title, figure in evaluation.figures():
        print(f"{heading}: {title} {figure.value:.4g} ± {figure.error:.2g}")


if __name__ == "__main__":
    main()
