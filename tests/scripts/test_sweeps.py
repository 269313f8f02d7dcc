"""The trainings of scripts are sweeps: each configuration with each seed, once."""

from dataclasses import replace
from pathlib import Path

import pytest

from condvae.config import Config
from condvae.recipe import load_recipe, with_settings
from scripts import choose, quality, reproduction, sweeps
from scripts.choose_criteria import most_probable
from tests.cluster.plans import SMALL


def small(latent: int, **settings: object) -> Config:
    return with_settings(load_recipe("paper"), {**SMALL, "model.latent": latent, **settings})


@pytest.mark.slow
def test_each_configuration_is_trained_with_each_seed_once(tmp_path: Path) -> None:
    configs = {"two": small(2), "three": small(3)}
    runs = sweeps.trained(configs, 2, tmp_path, ["evaluate RUN --only reconstruction"])
    assert set(runs) == {(name, seed) for name in configs for seed in (0, 1)}
    for (name, seed), run in runs.items():
        wanted = replace(configs[name], training=replace(configs[name].training, seed=seed))
        assert run.config() == wanted
        assert run.evaluation.is_file()
    before = {key: run.weights.stat().st_mtime_ns for key, run in runs.items()}
    again = sweeps.trained(configs, 2, tmp_path, ["evaluate RUN --only reconstruction"])
    assert {key: run.weights.stat().st_mtime_ns for key, run in again.items()} == before


@pytest.mark.slow
def test_a_training_that_fails_ends_the_script(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="Train again with a lower"):
        sweeps.trained({"fast": small(2, **{"training.learning_rate": 1e30})}, 1, tmp_path)


@pytest.mark.slow
def test_trials_are_measured_on_held_out_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = ({**SMALL, "model.latent": 2}, {**SMALL, "model.latent": 3})
    comparison = choose.Comparison("paper", 1, 1, most_probable, trials)
    monkeypatch.setattr(choose, "RESULTS", tmp_path / "choices.json")
    monkeypatch.setattr(choose, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(choose, "COMPARISONS", (comparison,))
    monkeypatch.setattr(choose, "PAGE", tmp_path / "choices.md")
    choose.main(["paper"])
    assert choose.chosen(comparison) in (0, 1)
    assert len(choose.results()) == 2
    assert "`latent: 2`" in (tmp_path / "choices.md").read_text()


def test_what_is_measured_is_not_trained_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All results of this repository are there, so that only pages are written."""
    for script in (choose, quality, reproduction):
        monkeypatch.setattr(script, "trained", None)
        monkeypatch.setattr(Path, "write_text", lambda *_: None)
        script.main([])
