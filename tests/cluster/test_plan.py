"""The file of a sweep: what it says, and what is refused before anything starts."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from condvae.cluster.plan import Plan, load_plan
from condvae.errors import ConfigError
from condvae.recipe import load_recipe, with_settings
from tests.cluster.plans import SMALL, written


def test_every_combination_is_tried_with_every_seed(tmp_path: Path) -> None:
    plan = load_plan(written(tmp_path / "s.yaml", grid={"model.latent": [2, 4], "recipe": ["paper", "fast"]}, seeds=3))
    assert plan.total == 12
    assert plan.all_seeds == [0, 1, 2]
    config = plan.config({"model.latent": 4, "recipe": "paper", "training.seed": 2})
    assert (config.model.latent, config.training.seed, config.model.encoder) == (4, 2, (16,))


def test_numbers_may_be_written_with_an_exponent(tmp_path: Path) -> None:
    search = {
        "training.learning_rate": {"low": "1e-4", "high": "1e-2", "log": True},
        "model.latent": {"low": 2, "high": 8},
    }
    plan = load_plan(written(tmp_path / "s.yaml", search=search, trials=5))
    assert plan.bounds("training.learning_rate") == (1e-4, 1e-2, True)
    assert plan.bounds("model.latent") == (2, 8, False)
    assert plan.total == 5


NO_HELD_OUT = {"settings": {**SMALL, "data.validation_split": 0}, "early_stopping": {}}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"grid": {"model.latent": 2}}, "grid.model.latent must be a list of values, got 2."),
    ({"grid": {"model.latent": [2, -1]}}, "model.latent must be at least 1, got -1."),
    ({"grid": {"latent": [2]}}, "There is no setting 'latent'. Settings begin with data.…, model.…"),
    ({"grid": {"model.latnt": [2]}}, "There is no setting 'latnt'. Did you mean 'latent'?"),
    ({"grid": {"recipe": ["papr"]}}, "There is no recipe 'papr'. Did you mean 'paper'?"),
    ({"grid": {"training.seed": [1]}}, "training.seed must be left out: seeds has the seeds, got given."),
    ({"search": {"model.latent": {"low": 8, "high": 2}}}, "search.model.latent must be a list of values, or low"),
    ({"search": {"training.beta": {"low": 0, "high": 2, "log": True}}}, "search.training.beta must be a list of"),
    ({"search": {"model.network": ["mlp", "cnn"]}, "trials": 2}, "There is no network 'cnn'."),
    ({"trials": 3}, "trials must be left out without search, which draws them, got 3."),
    ({"method": "grid"}, "method must be one of random, bayes, got grid."),
    ({"method": "bayes", "grid": {"model.latent": [2]}}, "grid must be left out if method is bayes."),
    ({"seeds": 0}, "seeds must be a number of seeds, at least 1, or a list of different seeds, got 0."),
    ({"seeds": [1, 1]}, "a list of different seeds, got [1, 1]."),
    ({"method": "bayes", "seeds": 2}, "seeds must be one seed if method is bayes."),
    ({"seed": 0}, "There is no setting 'seed'. Did you mean 'seeds'?"),
    ({"early_stopping": {"reduction": 1}}, "early_stopping.reduction must be at least 2, got 1."),
    (NO_HELD_OUT, "data.validation_split must be more than 0 (in settings), because early stopping"),
    ({"method": "bayes"}, "search must be given if method is bayes, which draws its settings, got {}."),
    ({"seeds": [0, -1]}, "training.seed must be"),
    ({"after": ["evaluate"]}, "after must be commands with the word RUN and closed quotation marks, such as 'evaluate"),
    ({"after": ["report RUN 'x"]}, "closed quotation marks, such as 'evaluate RUN', got report RUN 'x."),
    ({"cpus": 0}, "cpus must be more than 0, got 0.0."),
]  # fmt: skip


@pytest.mark.parametrize(("content", "message"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_not_possible_is_refused_with_the_next_step(
    content: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_plan(written(tmp_path / "s.yaml", **content))
    assert message in str(caught.value)


def test_a_file_that_is_not_there_or_not_yaml_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("grid: [")
    for path in (tmp_path / "missing.yaml", broken):
        with pytest.raises(ConfigError, match=r"(?s)Cannot read the sweep .*Check the path and the YAML\."):
            load_plan(path)


def test_settings_of_all_groups_can_be_changed() -> None:
    config = with_settings(
        load_recipe("paper"), {"data.source": "mnist", "trainer.max_epochs": 7, "model.encoder": [8]}
    )
    assert (config.trainer["max_epochs"], config.model.encoder) == (7, (8,))
    assert Plan().total == 1


def test_the_page_has_examples_that_can_be_tried_and_every_key(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text("utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert [plan_of(tmp_path, text).total for text in examples] == [9, 30]
    rows = "".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    assert all(f"`{field.name}`" in rows for field in fields(Plan))


def plan_of(folder: Path, text: str) -> Plan:
    (folder / "example.yaml").write_text(text)
    return load_plan(folder / "example.yaml")
