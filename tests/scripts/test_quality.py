"""The page of results: only results of the recipes as they are now, with their spread."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from condvae.evaluation.evaluate import EDITION, Evaluation
from condvae.evaluation.measurement import Measurement
from condvae.evaluation.parts.reconstruction import Reconstruction
from condvae.plain import plain
from condvae.run import Run

SCRIPT = Path(__file__).parents[2] / "scripts" / "quality.py"


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("quality", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def quality(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, with results in a folder of its own."""
    module = loaded()
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    return module


def test_the_page_has_each_result_and_what_it_must_reach(quality: ModuleType) -> None:
    assert quality.page()[-2] == "No recipe has been measured with its present settings."
    for seed, mse in ((0, 0.028), (1, 0.030), (2, 0.5)):
        figure = Measurement(mse, 0.0001, 10_000, "Of test images.")
        found = plain(Evaluation("digest", parts={"reconstruction": Reconstruction(figure, figure, None)}))
        config = quality.settings("plane-gaussian", seed).to_dict()
        if seed == 2:
            config["training"]["batch_size"] = 7
        (quality.RESULTS / f"plane-gaussian-{seed}.json").write_text(
            json.dumps({"config": config, "frechet": None, "unlabelled": None, "minutes": {"value": 5.0}, **found})
        )
    page = "\n".join(quality.page())
    row = "| `plane-gaussian` | reconstruction MSE | ≤ 0.0295 | 0.029 ± 0.0014 (0.0001) | 0.028, 0.03 | 1 of 2 |"
    assert row in page, "the third is of other settings"
    assert "- test MSE (n = 10,000): Of test images." in page
    assert "| `conv` |" not in page


def test_results_by_older_protocols_do_not_count(quality: ModuleType) -> None:
    found = {**plain(Evaluation("digest")), "config": quality.settings("conv", 0).to_dict()}
    path = quality.RESULTS / "conv-0.json"
    path.write_text(json.dumps(found))
    assert quality.load("conv", 0)
    path.write_text(json.dumps({**found, "edition": EDITION - 1}))
    assert quality.load("conv", 0) is None


@pytest.mark.parametrize(
    ("samples", "prior", "usual"), [("5,000", "prior", True), ("5", "prior", False), ("5,000", "mixture", False)]
)
def test_an_evaluation_with_another_protocol_is_refused(
    quality: ModuleType, tmp_path: Path, samples: str, prior: str, usual: bool
) -> None:
    how = f"Probability. All test images. 5 importance samples for 9 images, and {samples} importance samples for 3."
    likelihood = {"nll": {"protocol": how}}
    found = {"parts": {"classifier_score": {"prior": prior}, "likelihood": likelihood}}
    if usual:
        quality.require_usual(Run(tmp_path), found)
    else:
        with pytest.raises(SystemExit, match=r"evaluation\.json was not measured with the default protocol"):
            quality.require_usual(Run(tmp_path), found)


def test_the_page_is_what_the_results_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """All results in docs/quality have the present layout and settings."""
    monkeypatch.chdir(SCRIPT.parents[1])
    module = loaded()
    assert all(module.load(name, seed) for name in module.GOALS for seed in module.SEEDS)
    assert "\n".join(module.page()) == module.PAGE.read_text("utf-8")
