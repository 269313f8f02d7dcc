"""The page of results: only results of the recipes as they are now, with their spread."""

import json
from pathlib import Path
from typing import Any

import pytest

from condvae.evaluation.evaluate import EDITION, Evaluation
from condvae.evaluation.measurement import Measurement
from condvae.evaluation.parts.reconstruction import Reconstruction
from condvae.plain import plain
from condvae.run import Run
from scripts import quality, quality_peers
from scripts.quality_cells import at, spread
from scripts.quality_page import page
from scripts.quality_peers import COSTS, IMAGES, beside_others, peers
from scripts.quality_rows import readme_rows, texts

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for results of the test."""
    monkeypatch.setattr(quality, "RESULTS", tmp_path)
    monkeypatch.setattr(quality, "SHIPPED_RESULT", tmp_path / "none.json")
    (tmp_path / "before.json").write_text('{"plane-gaussian": {"reconstruction/mse": [0.031, 0.033]}}')
    return tmp_path


def test_the_page_has_each_result_and_what_it_must_reach(folder: Path) -> None:
    assert page(quality.known_results())[-2] == "No recipe has been measured with its present settings."
    for name, seed, mse in (("plane-gaussian", 0, 0.028), ("plane-gaussian", 1, 0.030), ("conv", 0, 0.5)):
        figure = Measurement(mse, 0.0001, 10_000, "Of test images.")
        found = plain(Evaluation("digest", parts={"reconstruction": Reconstruction(figure, figure, None)}))
        config = quality.settings(name, seed).to_dict()
        if name == "conv":
            config["training"]["batch_size"] = 7
        quality.write(f"{name}-{seed}", {"config": config, **found})
    text = "\n".join(page(quality.known_results()))
    row = "| `plane-gaussian` | reconstruction, squared error | ≤ 0.0295 | 0.0290 ± 0.001 (0.0001) | 0.028, 0.03 |"
    assert f"{row} 1 of 2 |" in text
    assert "- squared error (n = 10,000): Of test images." in text
    assert "| reconstruction, mse | 0.032 ± 0.001 → 0.0290 ± 0.001 (0.0001) |" in text
    assert "| `conv` |" not in text, "it has other settings"


def test_results_by_older_protocols_do_not_count(folder: Path) -> None:
    found = {**plain(Evaluation("digest")), "config": quality.settings("conv", 0).to_dict()}
    quality.write("conv-0", found)
    assert quality.load("conv", 0)
    quality.write("conv-0", {**found, "edition": EDITION - 1})
    assert quality.load("conv", 0) is None


@pytest.mark.parametrize(
    ("samples", "prior", "usual"), [("5,000", "prior", True), ("5", "prior", False), ("5,000", "mixture", False)]
)
def test_an_evaluation_with_another_protocol_is_refused(tmp_path: Path, samples: str, prior: str, usual: bool) -> None:
    how = f"Probability. All test images. 5 importance samples for 9 images, and {samples} importance samples for 3."
    likelihood = {"nll": {"protocol": how}}
    found = {"parts": {"classifier_score": {"prior": prior}, "likelihood": likelihood}}
    if usual:
        quality.require_usual(Run(tmp_path), found)
    else:
        with pytest.raises(SystemExit, match=r"evaluation\.json was not measured with the default protocol"):
            quality.require_usual(Run(tmp_path), found)


def figure(value: float, count: int = 9) -> dict[str, Any]:
    return {"value": value, "error": 0.04, "count": count}


def test_figures_are_found_by_their_places() -> None:
    sets = [
        {"prior": "prior", "mode": mode, "conditions": "given", "accuracy": figure(1)} for mode in ("mean", "sample")
    ]
    sets[1]["accuracy"] = figure(2)
    result = {"parts": {"realism": sets, "likelihood": {"nll_by_class": [None, figure(3)]}}}
    assert at(result, "realism/prior sample given/accuracy")["value"] == 2
    assert at(result, "realism/mixture sample given/accuracy") is None
    assert at(result, "likelihood/nll_by_class/1")["value"] == 3
    assert at(result, "likelihood/nll_by_class/2") is None
    assert at(result, "styles/agreement/slant/correlation") is None


def test_a_cell_has_the_seeds_and_the_error_of_one() -> None:
    assert spread([]) == "-"
    assert spread([figure(1.5)]) == "1.50 (0.04)"
    assert spread([figure(1), figure(2)]) == "1.50 ± 0.7 (0.04)"
    assert spread([figure(16, count=1)]) == "16", "a single item has no error"


def test_other_generators_are_on_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert beside_others({}) == []
    row = dict.fromkeys((*IMAGES, *COSTS), "") | {"side": "DCGAN", "density": "0.5", "nats of": "log p(x|y)"}
    for name in ("fashion-mnist", "mnist"):
        (tmp_path / f"peers-{name}.json").write_text(json.dumps({"tables": {f"{name}, 10 minutes": [row]}}))
    monkeypatch.setattr(quality_peers, "RESULTS", tmp_path)
    lines = beside_others(peers())
    assert [line for line in lines if line.startswith("###")] == [
        "### mnist, 10 minutes",
        "### fashion-mnist, 10 minutes",
    ]
    assert "| DCGAN | - | - | - | - | - | - | 0.5 | - |" in lines
    assert "| DCGAN | - | - | - | - | - | - | log p(x\\|y) |" in lines


def test_the_page_is_what_the_results_say(monkeypatch: pytest.MonkeyPatch) -> None:
    """All results in docs/quality have the present layout and settings."""
    monkeypatch.chdir(ROOT)
    results = quality.known_results()
    files = {path.stem for path in quality.RESULTS.glob("*-?.json")}
    known = {name: versions for name, versions in results.known.items() if name in quality.NAMES}
    assert files == {f"{name}-{seed}" for name, versions in known.items() for seed in range(len(versions))}
    assert "\n".join(page(results)) == quality.PAGE.read_text("utf-8")


def test_readmes_and_recipes_say_what_the_results_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    results = quality.known_results()
    for path, text in texts(results).items():
        assert text == path.read_text("utf-8"), path
    assert all(row in Path("README.md").read_text("utf-8") for row in readme_rows(results))
