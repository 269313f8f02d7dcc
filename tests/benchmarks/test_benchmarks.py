"""Every benchmark runs in a tiny setting, and the helpers that all of them use."""

import importlib
import json
from pathlib import Path

import pytest
import torch

from benchmarks import harness, networks
from benchmarks.decoding import DIGITS
from condvae.data.dataset import Dataset
from condvae.model.cvae import CVAE
from condvae.recipe import load_recipe

TINY = {
    "startup": ["--segments", "1"],
    "exported": ["--segments", "1", "--recipes", "0"],
    "decoding": ["--segments", "1", "--images", "1000", "--files", "20", "--single", "3", "--million", "21000"],
    "training": ["--segments", "1", "--steps", "5"],
    "profile": ["--steps", "10"],
    "tried": ["--segments", "1", "--steps", "2", "--compile", "0"],
    "scaling": ["--segments", "1", "--steps", "2", "--largest", "15000"],
    "packing": ["--segments", "1", "--small", "200", "--large", "10"],
    "large": ["--segments", "1", "--steps", "3", "--images", "2500"],  # with fewer, recipe auto stops early
    "quality": ["--seeds", "1", "--batches", "20"],
    "augmentation": [
        *("--recipe", "paper", "--minutes", "0", "--largest", "60", "--imbalance", "10", "--seeds", "2", "--steps", "5")
    ],
    "labels": ["--images", "200", "--seeds", "1", "--steps", "2"],
    "lighthouse": ["--segments", "1"],
    "sweep": ["--segments", "1"],
    "machines": ["--segments", "1", "--recipes", "1", "--most", "5", "--timed", "5"],
    "evaluation": [
        *("--before", str(Path(harness.__file__).parents[1])),
        *("--recipe", "paper", "--options=--only reconstruction codes"),
        "--training=--trainer.max_epochs 1 --trainer.limit_train_batches 2",
    ],
    "bulk": ["--segments", "1", "--images", "40000", "--some", "500"],
    "explorer": ["--models", "1", "--moves", "20", "--segments", "1", "--clients", "3", "--seconds", "1"],
}
QUICK = "profile"  # runs in `make test`; the others take longer
KEYS = {"benchmark", "date", "commit", "machine", "versions", "tables", "measured"}


def test_every_benchmark_is_tested() -> None:
    folder = Path(harness.__file__).parent
    runnable = {path.stem for path in folder.glob("[a-z]*.py") if '__name__ == "__main__"' in path.read_text("utf-8")}
    assert runnable == set(TINY)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == QUICK else [pytest.mark.slow]) for name in TINY]
)
def test_a_benchmark_in_a_tiny_setting(
    name: str, tmp_path: Path, mnist: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    result = importlib.import_module(f"benchmarks.{name}").main([*TINY[name], "--out", str(tmp_path)])
    written = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
    assert written.keys() >= KEYS
    assert written["versions"]["torch"] == torch.__version__
    printed = capsys.readouterr().out
    for title, rows in result["tables"].items():
        assert title in printed
        assert len(rows) > 0
        assert all(str(value) in printed for row in rows for value in row.values())


def test_ratios_are_taken_round_by_round() -> None:
    clock = iter([1.0, 2.0, 3.0, 9.0, 10.0, 10.0])
    measured = harness.in_turn({"one": lambda: next(clock), "other": lambda: next(clock)}, segments=3)
    assert measured == {"one": [1.0, 3.0, 10.0], "other": [2.0, 9.0, 10.0]}
    assert harness.ratio(measured["other"], measured["one"]) == (2.0, 1.0, 3.0)
    assert harness.difference(measured["other"], measured["one"]) == (1.0, 0.0, 6.0)


def test_efficiency_on_paper() -> None:
    """Against figures that are worked out by hand."""
    machine = networks.Machine("made", rate=1e12, start=1e-3, speed=1e9, delay=1e-6)
    assert networks.step(1e8, 100, machine) == pytest.approx(1e-2)
    assert networks.step(1e8, 1, machine) == 1e-3, "kernels start one after the other"
    assert networks.sending(4_000_000, 2, machine) == pytest.approx(4e-3 + 2e-6)
    assert networks.sending(4_000_000, 8, machine) == pytest.approx(7e-3 + 6e-6)
    rows = networks.efficiencies("paper")
    assert {row["images in a step"] for row in rows} == {"100", "8,000"}
    assert rows[0]["64"] == "-", "no more than eight processors share a machine"
    dense = sum(2 * weight.numel() for weight in CVAE(load_recipe("paper").model, DIGITS).parameters())
    operations = networks.operations_an_image(CVAE(load_recipe("paper").model, DIGITS))
    assert 2 * dense < operations < 3 * dense, "forwards once, backwards twice but for the first layer"
