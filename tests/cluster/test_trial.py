"""A trial of a sweep, without Ray."""

from pathlib import Path
from typing import Any

import pytest

from condvae.cluster.trial import Trial
from condvae.recipe import load_recipe, with_settings
from condvae.run import Run
from tests.cluster.plans import SMALL


def test_a_trial_that_is_stopped_at_its_last_epoch_has_its_model(tmp_path: Path) -> None:
    """Ray ends the process of a trial within the report."""
    reported = []

    def report(found: dict[str, Any]) -> None:
        reported.append(found["epoch"])
        if found["epoch"] == SMALL["trainer.max_epochs"]:
            raise SystemExit

    config = with_settings(load_recipe("paper"), SMALL)
    with pytest.raises(SystemExit):
        Trial(tmp_path / "run", config, ()).run(report)
    assert reported == [1, 2, 3]
    assert Run(tmp_path / "run").is_finished
