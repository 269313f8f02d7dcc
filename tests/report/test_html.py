"""The report: one file that opens offline and says what was measured."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from condvae.cli.main import main
from condvae.data.dataset import Dataset
from condvae.evaluation.claims import assess
from condvae.evaluation.evaluate import Evaluation, evaluate, load_evaluation, quick_parts
from condvae.evaluation.measurement import Measurement
from condvae.evaluation.parts.reconstruction import Reconstruction
from condvae.evaluation.study import Study
from condvae.report.figures import report_figures
from condvae.report.html import write_report
from condvae.report.text import summary
from condvae.run import SHIPPED, Run


class Links(HTMLParser):
    """Everything a page would load, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


@pytest.fixture(scope="module")
def page(study: Study) -> Links:
    assert main(["report", str(study.run.path)]) == 0
    links = Links()
    links.feed((study.run.path / "report.html").read_text("utf-8"))
    return links


def test_it_is_self_contained(page: Links, study: Study) -> None:
    assert len(page.sources) == len(report_figures(study)) == 8
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    content = (study.run.path / "report.html").read_text("utf-8")
    assert not re.search(r"https?://|@import|url\(", content)


def test_it_says_what_was_trained_and_measured(page: Links, study: Study) -> None:
    evaluation = json.loads((study.run.path / "evaluation.json").read_text("utf-8"))
    claims = json.loads((study.run.path / "claims.json").read_text("utf-8"))
    text = " ".join(page.text.split())
    for wanted in (
        "conditional variational autoencoder with 2 latent dimensions",
        "1,143,828",
        f"{evaluation['parts']['reconstruction']['mse']['value']:.4f}",
        "training.learning_rate 0.001",
        "model.encoder [512, 256, 128]",
        "trainer.max_epochs 1",
        "lightning 2.",
        "judge-mnist, accuracy 99.67% on 10,000 real test images",
        "1,137,427 parameters",
        *(claim["statement"] for claim in claims),
        *(claim["verdict"] for claim in claims),
    ):
        assert wanted in text, wanted


def test_figures_are_left_in_the_run(page: Links, study: Study) -> None:
    names = {path.stem for path in (study.run.path / "figures").glob("*.png")}
    assert names >= {"style", "compare", "tsne", "manifold", "latent", "reconstructions", "curves", "radius"}


def test_report_of_the_autoencoder(study: Study) -> None:
    autoencoder = Study(Run(study.run.path / "autoencoder"))
    assert report_figures(autoencoder) == [
        "style",
        "compare",
        "manifold",
        "latent",
        "reconstructions",
        "curves",
        "tsne",
    ]
    evaluation = evaluate(autoencoder, quick_parts())
    assert assess(autoencoder, evaluation) == []
    text = summary(evaluation, [])
    assert "Reconstruction of test images\n  reconstruction error (test MSE)" in text
    assert "->" not in text, "there are no verdicts"


def test_a_run_of_an_earlier_version_has_a_report(
    mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Format 1 had the source as a text, and the number of validation images among the settings of training."""
    monkeypatch.setattr("condvae.report.html._pictures", lambda _: [])
    run = Run(Path(shutil.copytree(SHIPPED, tmp_path / "run")))
    description = json.loads(run.description.read_text("utf-8"))
    settings = description["config"]
    settings["training"]["validation"] = settings["data"]["validation_split"]
    settings["data"] = "mnist"
    run.description.write_text(json.dumps({**description, "format": 1}), "utf-8")
    study = Study(run, mnist)
    content = write_report(study, load_evaluation(study), []).read_text("utf-8")
    assert "trained on\n<code>mnist</code>" in content
    assert "<code>data.validation_split</code></th><td><code>5000" in content


def test_a_single_item_shows_no_error(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("condvae.report.html._pictures", lambda _: [])
    monkeypatch.setattr(study, "run", Run(shutil.copytree(study.run.path, tmp_path / "run")))
    for count in (1, 2):
        figure = Measurement(0.125, 0.0, count, "Of test images.")
        found = Evaluation("digest", parts={"reconstruction": Reconstruction(figure, figure, None)})
        content = write_report(study, found, []).read_text("utf-8")
        assert "0.125" in content
        assert ("0.125 ± 0" in content) == ("0.1250 ± 0.0000" in summary(found, [])) == (count > 1)
