"""The page of results: only results of the recipes as they are now, with their spread."""

import importlib.util
import json
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import pytest
from condvae.evaluation.reconstruction import Reconstruction

from condvae.evaluation.evaluate import EDITION, Evaluation
from condvae.evaluation.measurement import Measurement
from condvae.evaluation.study import BALANCED
from condvae.run import Run

SCRIPT = Path(__file__).parents[2] / "scripts" / "quality.py"


@pytest.fixture
def quality(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("quality", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    return module


def test_the_page_has_each_result_and_what_it_must_reach(quality: ModuleType) -> None:
    assert quality.page()[-2] == "No recipe has been measured with the settings that it has now."
    for seed, mse in ((0, 0.028), (1, 0.030), (2, 0.5)):
        figure = Measurement(mse, 0.0001, 10_000, "of test images")
        found = asdict(Evaluation("digest", reconstruction=Reconstruction(figure, figure, None)))
        config = quality.settings("plane-gaussian", seed).to_dict()
        if seed == 2:
            config["training"]["batch_size"] = 7
        (quality.RESULTS / f"plane-gaussian-{seed}.json").write_text(
            json.dumps({"config": config, "frechet": None, "unlabelled": None, "minutes": {"value": 5.0}, **found})
        )
    page = "\n".join(quality.page())
    row = "| `plane-gaussian` | reconstruction MSE | ≤ 0.0295 | 0.029 ± 0.0014 (0.0001) | 0.028, 0.03 | 1 of 2 |"
    assert row in page, "the third is of other settings"
    assert "- test MSE: of test images (n = 10,000)." in page
    assert "| `conv` |" not in page


def test_results_by_older_protocols_do_not_count(quality: ModuleType) -> None:
    found = {**asdict(Evaluation("digest")), "config": quality.settings("conv", 0).to_dict()}
    path = quality.RESULTS / "conv-0.json"
    path.write_text(json.dumps(found))
    assert quality.load("conv", 0)
    path.write_text(json.dumps({**found, "edition": EDITION - 1}))
    assert quality.load("conv", 0) is None


def test_the_distance_by_its_floor(quality: ModuleType) -> None:
    distances = {"frechet": {"value": 0.6, "error": 0.03, "count": 9}, "frechet_floor": {"value": 0.2, "error": 0.04}}
    of_means = {"source": "prior", "mode": "mean", "conditions": "given"}
    found = {
        "generation": [{**of_means, "mode": "sample"}, {**of_means, "source": "mixture"}, {**of_means, **distances}]
    }
    ratio = quality.by_floor(found, "given")
    assert ratio["value"] == pytest.approx(3)
    assert ratio["error"] == pytest.approx(3 * (0.05**2 + 0.2**2) ** 0.5)
    assert quality.by_floor(found, "none") is None


@pytest.mark.parametrize(
    ("samples", "source", "usual"), [(500, "prior", True), (5, "prior", False), (500, "mixture", False)]
)
def test_an_evaluation_with_other_choices_is_refused(
    quality: ModuleType, tmp_path: Path, samples: int, source: str, usual: bool
) -> None:
    protocol = f"{samples} importance samples of z for each image, {BALANCED}"
    one = {"source": source}
    found = {"score": one, "memorisation": one, "obedience": []}
    found["likelihood"] = {"nll": {"protocol": f"probability, {protocol}", "count": 1000}}
    if usual:
        quality.require_usual(Run(tmp_path), found)
    else:
        with pytest.raises(SystemExit, match=r"evaluation\.json was measured with other choices than the usual ones"):
            quality.require_usual(Run(tmp_path), found)
