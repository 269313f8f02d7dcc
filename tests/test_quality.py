"""The page of results: only results of the recipes as they are now, with their spread."""

import importlib.util
import json
from dataclasses import asdict
from pathlib import Path
from types import ModuleType

import pytest

from condvae.evaluate import Evaluation, Reconstruction
from condvae.metrics import Measurement

SCRIPT = Path(__file__).parents[1] / "scripts" / "quality.py"


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
    row = "| `plane-gaussian` | reconstruction MSE | ≤ 0.0295 | 0.029 ± 0.001 | 0.028, 0.03 | 1 of 2 |"
    assert row in page, "the third is of other settings"
    assert "test MSE: of test images." in page
    assert "`conv`" not in page
