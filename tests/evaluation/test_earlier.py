"""evaluation.json of an earlier version is read, and what was measured gives the same figures again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.evaluation.earlier import converted
from condvae.evaluation.evaluate import evaluate, evaluation_from, load_evaluation
from condvae.evaluation.part import RENAMED, parts
from condvae.evaluation.study import Study
from condvae.plain import plain
from condvae.run import SHIPPED
from tests.conftest import FIXTURES

RUNS = sorted(path.parent.name for path in FIXTURES.glob("*/evaluation.json") if (path.parent / "model.json").is_file())
CLASSES = ("left", "middle", "right")


def numbers(content: Any) -> list[float]:
    """All numbers in the content of a file, sorted."""
    if isinstance(content, dict):
        return sorted(number for value in content.values() for number in numbers(value))
    if isinstance(content, list):
        return sorted(number for value in content for number in numbers(value))
    return [content] if isinstance(content, int | float) else []


def figures(content: Any, place: str = "") -> dict[str, float]:
    """All numbers in the content of a file by their places."""
    if isinstance(content, dict | list):
        inner = content.items() if isinstance(content, dict) else enumerate(content)
        return {key: number for name, value in inner for key, number in figures(value, f"{place}/{name}").items()}
    return {place: content} if isinstance(content, int | float) else {}


@pytest.mark.parametrize("name", [*RUNS, "pretrained"])
def test_every_figure_of_the_old_layout_is_kept(name: str) -> None:
    old = json.loads((FIXTURES / name / "evaluation.json").read_text("utf-8"))
    found = converted(old)
    assert numbers(found) == numbers(old)
    assert set(found["parts"]) <= set(parts())
    restored = evaluation_from(found)
    assert plain(restored)["parts"].keys() == found["parts"].keys()
    measured = [figure.value for _, _, figure in restored.figures()]
    assert len(measured) == sum(1 for _ in protocols(old))
    assert "source" not in json.dumps(found)
    assert converted(found) == found, "the present layout stays as it is"


def protocols(content: Any) -> Any:
    if isinstance(content, dict):
        yield from (content["protocol"],) if "protocol" in content else ()
        content = list(content.values())
    if isinstance(content, list):
        for value in content:
            yield from protocols(value)


def test_the_old_layout_has_the_parts_under_old_names() -> None:
    old = json.loads((FIXTURES / "pretrained" / "evaluation.json").read_text("utf-8"))
    found = evaluation_from(converted(old))
    for before, now in RENAMED.items():
        assert bool(old[before]) == bool(found[now])
    assert found["likelihood"].classifier.accuracy.value == old["classifier"]["accuracy"]["value"]
    assert [section.prior for section in found["realism"]] == [section["source"] for section in old["generation"]]


def test_the_model_that_ships_has_the_figures_that_it_had() -> None:
    old = converted(json.loads((FIXTURES / "pretrained" / "evaluation.json").read_text("utf-8")))
    now = json.loads((SHIPPED / "evaluation.json").read_text("utf-8"))
    assert now["parts"].keys() == old["parts"].keys() - {"classifier_score"}, "which it does not ship"
    for name, part in now["parts"].items():
        assert numbers(part) == numbers(old["parts"][name])


@pytest.fixture
def bars_on_disk() -> Dataset:
    """The data set that the runs were trained on."""
    with np.load(FIXTURES / "bars.npz") as arrays:
        train, test = (
            LabelledImages(arrays[f"{one}_images"], arrays[f"{one}_labels"], CLASSES) for one in ("train", "test")
        )
    return Dataset("bars", train, test)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_of_an_earlier_version_gives_the_same_figures(name: str, earlier: Path, bars_on_disk: Dataset) -> None:
    study = Study(earlier / name, bars_on_disk)
    before = load_evaluation(study)
    assert before.parts
    study.run.evaluation.unlink()
    now = evaluate(Study(earlier / name, bars_on_disk), list(before.parts))
    for part in before.parts:
        was, found = (figures(plain(one)["parts"][part]) for one in (before, now))
        same = {place: found[place] for place in was}  # there may be further figures
        assert was == pytest.approx(same, rel=1e-5, abs=1e-8), "processors differ in the last digits of float32"
