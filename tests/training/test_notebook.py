"""A training in a notebook shows Lightning's bar and its curves. It runs in a real Jupyter kernel."""

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from condvae.progress import in_notebook
from condvae.training.notebook import charts

SETTINGS = "model=ModelConfig(encoder=(8,), decoder=(8,)), data=DataConfig(validation_split=1000)"
FIRST = f"""
import condvae
from condvae.config import Config, DataConfig, ModelConfig
run = condvae.fit(Config({SETTINGS}, trainer={{"max_epochs": 2, "limit_train_batches": 5}}), "run")
"""


def executed(code: str, folder: Path) -> list[Any]:
    """What a cell shows."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    outputs: list[Any] = notebook.cells[0].outputs
    return outputs


@pytest.mark.usefixtures("mnist")
def test_a_cell_shows_the_bar_and_the_curves(tmp_path: Path) -> None:
    outputs = executed(FIRST, tmp_path)
    printed = "".join(one["text"] for one in outputs if one.get("name") == "stdout")
    assert re.search(r"Epoch 1: 100%.* 5/5 .*validation MSE=0\.\d+", printed)
    assert "Validation" not in printed, "one bar at a time"
    pictures = [one.data["image/svg+xml"] for one in outputs if "image/svg+xml" in one.get("data", {})]
    assert len(pictures) == 1, "the picture is drawn anew in its place"
    assert re.findall(r">([a-zA-Z ]+) -?\d[\d.e-]*, epoch 2<", pictures[0]) == ["loss", "validation MSE"]


def test_curves_have_a_point_for_each_epoch() -> None:
    picture = charts({"train_loss_epoch": {2: 1.0, 0: 3.0, 1: 2.0}, "val_mse": {}})
    (line,) = re.findall(r'points="([^"]+)"', picture)
    places = [tuple(map(float, place.split(","))) for place in line.split()]
    assert len(places) == 3
    assert places == sorted(places), "epochs to the right, and a falling loss downwards"
    assert ">loss 1.0000, epoch 3<" in picture
    assert "points" in charts({"val_mse": {0: 0.5}}), "one epoch is a point"


def test_this_is_no_notebook() -> None:
    assert not in_notebook()
