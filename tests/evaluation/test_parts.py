"""A part of the evaluation is one record in one file: its help, report section and key in the file follow from it."""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from condvae.cli.main import main
from condvae.data.dataset import Dataset
from condvae.errors import ConfigError
from condvae.evaluation import parts as folder
from condvae.evaluation.claims import assess
from condvae.evaluation.evaluate import evaluate, load_evaluation, quick_parts
from condvae.evaluation.part import RENAMED, find_part, parts
from condvae.evaluation.study import Study
from condvae.report.html import write_report
from condvae.report.text import summary
from tests.evaluation.runs import NO_BOUND, SMALL, trained

BRIGHTNESS = '''
"""How bright the test images are."""

from dataclasses import dataclass, field

import torch

from condvae.evaluation.measurement import Measurement, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.study import unit_batches


@dataclass(frozen=True)
class Brightness(Section):
    mean: Measurement = field(metadata={"title": "mean of all pixels"})

    @property
    def headline(self):
        return "Brightness", f"{self.mean.value:.3f}"


def _measure(study, protocol):
    values = torch.cat([batch.mean((1, 2, 3)) for batch in unit_batches(study.data.test)])
    return Brightness(measure(values, "Mean of pixels in [0, 1]."))


PART = Part(
    name="brightness",
    title="Brightness of test images",
    order=15,
    kind=Brightness,
    measure=_measure,
    applies=lambda study: study.model.schema.shape[0] == 3,
    needs="colour images",
)
'''


@pytest.fixture
def brightness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of the evaluation that is added by one file."""
    (tmp_path / "added").mkdir()
    (tmp_path / "added" / "brightness.py").write_text(BRIGHTNESS, "utf-8")
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path / "added")])
    monkeypatch.delitem(sys.modules, f"{folder.__name__}.brightness", raising=False)


@pytest.mark.usefixtures("brightness")
def test_a_part_is_added_by_one_file(bars: Dataset, tmp_path: Path) -> None:
    assert list(parts())[:3] == ["reconstruction", "brightness", "codes"], "by its order"
    study = trained(tmp_path / "run", bars, replace(SMALL, conditions=()), NO_BOUND)
    found = evaluate(study, ["brightness", *quick_parts()])
    assert json.loads(study.run.evaluation.read_text("utf-8"))["parts"]["brightness"]["mean"]["count"] == len(bars.test)
    assert load_evaluation(study) == found
    assert "\nBrightness of test images\n  mean of all pixels" in summary(found, [])
    page = write_report(study, found, assess(study, found)).read_text("utf-8")
    assert "<h3>Brightness of test images</h3>" in page
    assert f"<dt>Brightness</dt><dd>{found['brightness'].mean.value:.3f}</dd>" in page


@pytest.mark.usefixtures("brightness")
def test_the_command_line_knows_an_added_part(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    assert re.search(r"brightness +Brightness of test images", capsys.readouterr().out)
    sentence = "There is nothing to measure for 'brightness': it needs colour images."
    assert find_part("brightness").nothing_to_measure == sentence


def test_the_records() -> None:
    known = parts()
    assert list(known) == [
        "reconstruction",
        "codes",
        "accuracy",
        "likelihood",
        "styles",
        "control",
        "memorisation",
        "realism",
        "classifier_score",
        "augmentation",
        "labels",
    ]
    files = {path.stem for path in Path(folder.__file__).parent.glob("*.py")} - {"__init__"}
    assert {part.name for part in known.values()} == files, "each has the name of its file"
    assert len({part.title for part in known.values()}) == len({part.order for part in known.values()}) == len(known)
    assert quick_parts() == ["reconstruction", "codes", "accuracy"]


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_old_names_are_answered_with_the_new_ones(old: str, new: str) -> None:
    with pytest.raises(ConfigError, match=f"The part '{old}' of the evaluation is called '{new}' now"):
        find_part(old)


def test_what_does_not_apply_is_said(bars_study: Study) -> None:
    evaluation = evaluate(bars_study, ["likelihood", "control"])
    assert evaluation["likelihood"] is evaluation["control"] is None
    assert bars_study.run.evaluation.is_file()
    assert find_part("likelihood").nothing_to_measure == (
        "There is nothing to measure for 'likelihood': it needs a likelihood in nats (not the squared error), and a "
        "posterior with a density."
    )
    assert "it needs a condition that can be measured of images: slant, " in find_part("control").nothing_to_measure
