"""Every figure through the command line, as PNG and SVG, with its options and its mistakes."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import condvae
from condvae.config import Config, DataConfig, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.errors import ConfigError, InputError
from condvae.evaluation.study import Study
from condvae.inference.batched import draw
from condvae.inference.tensors import as_conditions
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.report.figures import FIGURES, draw_figure
from condvae.report.gallery import codes
from condvae.report.gallery.images import GRID
from condvae.run import Run
from condvae.training.fit import fit
from tests.conftest import Cli

OF_LABELS = {"suspects", "outliers"}  # are drawn in tests/evaluation/test_labels.py, because they need that part


@pytest.mark.parametrize("name", sorted(FIGURES.keys() - OF_LABELS))
def test_every_figure_is_drawn(name: str, run: Run, slanted: Run, tmp_path: Path, command: Cli) -> None:
    subject = {"tsne": run.path / "autoencoder", "attributes": slanted.path}.get(name, run.path)
    label = ["--label", "4", "9"] if name == "tsne" else []
    for ending in ("png", "svg"):
        out = tmp_path / f"figure.{ending}"
        assert f"Written: {out}" in command("figure", name, subject, *label, "--out", out)
    picture = np.asarray(Image.open(tmp_path / "figure.png").convert("L"))
    assert picture.std() > 5, "the picture is not blank"
    assert min(picture.shape) > 150, "large enough to be read"
    assert (tmp_path / "figure.svg").read_text().count("<svg") == 1


def test_without_out_it_goes_into_the_run(run: Run, command: Cli) -> None:
    command("figure", "style", run.path)
    assert (run.path / "figures" / "style.png").is_file()


def test_the_same_figure_gives_the_same_bytes(study: Study, run: Run, tmp_path: Path, command: Cli) -> None:
    for name in ("a", "b"):
        command("figure", "compare", run.path, "--out", tmp_path / f"{name}.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def shown(figure) -> list[np.ndarray]:
    """The images in a figure, in the order of its axes."""
    return [axis.images[0].get_array() for axis in figure.get_axes() if axis.images]


def test_style_shows_the_model_s_images(study: Study) -> None:
    images = shown(draw_figure("style", study, ["3", "8"], [[0, 0], [1, -1]]))
    expected = [condvae.generate(study.model, label, z=z)[0, 0] for label in "38" for z in ([0, 0], [1, -1])]
    assert all((image == wanted).all() for image, wanted in zip(images, expected, strict=True))


def test_compare_shows_4_and_9_at_the_experiment_s_nine_points(study: Study) -> None:
    figure = draw_figure("compare", study)
    images = shown(figure)
    expected = np.concatenate([condvae.generate(study.model, label, z=GRID)[:, 0] for label in "49"])
    assert len(images) == 18
    assert (np.stack(images) == expected).all()
    assert [axis.get_xlabel() for axis in figure.get_axes()[:3]] == ["(-3, 3)", "(1, -1)", "(3, 3)"]


def test_manifold_has_the_second_dimension_upwards(study: Study) -> None:
    (sheet,) = shown(draw_figure("manifold", study))
    corner = condvae.generate(study.model, "3", z=[-2.85, 2.85])[0, 0]
    assert np.abs(sheet[:28, :28].astype(int) - corner).max() <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compair"], "There is no figure 'compair'. Did you mean 'compare'?"),
        (["curves", "--prior", "mixture"], "Figure 'curves' does not take --prior; it takes no options"),
        (["curves", "--label", "3"], "Figure 'curves' does not take --label; it takes no options"),
        (["latent", "--z", "0", "0"], "Figure 'latent' does not take --z; it takes --label"),
        (["style", "--label", "11"], "There is no label '11'"),
        (["reconstructions", "--label", "11"], "There is no label '11'"),
        (["style", "--z", "1"], "z has the shape (1, 1); this model has 2 latent dimensions"),
        (["style", "--z", "1", "2", "--z", "3"], "cannot be read as numbers"),
        (["style", "--z", "nan", "0"], "is not finite"),
        (["style", "--out", "figure.pdf"], "The name of the file must end in .png or .svg, got 'figure.pdf'"),
    ],
)
def test_mistakes(arguments: list[str], message: str, run: Run, command: Cli) -> None:
    assert message in command.fails("figure", arguments[0], run.path, *arguments[1:])


def test_a_figure_that_does_not_apply(run: Run, command: Cli) -> None:
    message = command.fails("figure", "radius", run.path / "autoencoder")
    assert "Figure 'radius' needs labels as its only condition, two latent dimensions, the prior N(0, I)" in message


def test_figures_of_other_models(bars, tmp_path: Path) -> None:
    """Colour images, three classes, one latent dimension: what can be drawn is drawn."""
    model = ModelConfig(latent=1, encoder=(8,), decoder=(8,))
    fit(Config(model=model, trainer={"max_epochs": 1}), tmp_path / "run", bars)
    other = Study(Run(tmp_path / "run"), bars)
    for name in ("style", "compare", "reconstructions", "curves"):
        draw_figure(name, other)
    assert shown(draw_figure("compare", other))[0].shape == (5, 7, 3)
    assert not FIGURES["manifold"].applies(other)
    shutil.rmtree(tmp_path / "run")


def test_figures_of_a_model_with_a_bound_and_attributes(bars: Dataset, tmp_path: Path) -> None:
    """Curves of its own, and conditions beyond the label at their typical values."""
    model = ModelConfig(likelihood="bernoulli", conditions=("label", "slant"), encoder=(8,), decoder=(8,))
    training = TrainingConfig(beta=1, batch_size=40)
    config = Config(DataConfig(validation_split=10), model, training, {"max_epochs": 2})
    fit(config, tmp_path / "run", bars)
    study = Study(Run(tmp_path / "run"), bars)
    for name in ("style", "compare", "manifold", "latent", "reconstructions", "curves"):
        drawn = draw_figure(name, study)
        assert drawn.axes
    assert [axis.get_title() for axis in draw_figure("style", study).axes[:2]] == ["(-5, -5)", "(-1, -1)"]
    for z in (None, [[0.5, -0.5]]):
        low, *_, high = shown(draw_figure("attributes", study, ["left"], z))
        assert (low != high).any()
    titles = " ".join(axes.get_title() + axes.get_ylabel() for axes in draw_figure("curves", study).axes)
    assert "bound, validation images, nats per image" in titles
    assert "test MSE" not in titles


def test_beyond_a_plane_styles_are_drawn_from_the_prior(bars: Dataset, tmp_path: Path) -> None:
    run, config = Run(tmp_path), Config(model=ModelConfig(latent=5, encoder=(8,), decoder=(8,)))
    save_model(run, CVAE(config.model, bars.train.schema), config, {})
    study = Study(run, bars)
    label = study.model.conditions.classes[1]
    figure = draw_figure("style", study, [label])
    assert (
        np.stack(shown(figure)) == condvae.generate(study.model, label, count=5, seed=0).transpose(0, 2, 3, 1)
    ).all()
    assert [axis.get_title() for axis in figure.axes] == [f"style {number}" for number in range(1, 6)]
    assert "style 9" in [axis.get_xlabel() for axis in draw_figure("compare", study).axes]
    (sheet,) = shown(draw_figure("manifold", study, [label]))
    z = draw(study.model, as_conditions(study.model, label), seed=0).clone()
    z[0, :2] = torch.tensor([-2.85, 2.85])  # the middle of the first tile
    first = condvae.generate(study.model, label, z=z)[0].transpose(1, 2, 0)
    assert np.abs(sheet[: first.shape[0], : first.shape[1]].astype(int) - first).max() <= 1


def test_reconstructions_of_a_class_without_test_images(bars: Dataset, tmp_path: Path) -> None:
    run, config = Run(tmp_path), Config(model=ModelConfig(encoder=(8,), decoder=(8,)))
    save_model(run, CVAE(config.model, bars.train.schema), config, {})
    others = bars.test.labels != 1
    test = LabelledImages(bars.test.images[others], bars.test.labels[others], bars.test.classes)
    study = Study(run, replace(bars, test=test))
    assert draw_figure("reconstructions", study).axes
    with pytest.raises(InputError, match="'reconstructions' needs a test image, and these labels have none"):
        draw_figure("reconstructions", study, ["middle"])


def test_styles_from_the_mixture(bars: Dataset, tmp_path: Path) -> None:
    """Of a plane too, where the figure's own points are others; drawn as everywhere else."""
    config = Config(model=ModelConfig(encoder=(8,), decoder=(8,)))
    save_model(Run(tmp_path), CVAE(config.model, bars.train.schema), config, {})
    study = Study(Run(tmp_path), bars)
    expected = condvae.generate(study.model, "left", count=5, seed=0, prior=study.mixture)
    assert (
        np.stack(shown(draw_figure("style", study, "left", prior="mixture"))) == expected.transpose(0, 2, 3, 1)
    ).all()
    assert (np.stack(shown(draw_figure("style", study, ["left"]))) != expected.transpose(0, 2, 3, 1)).any()
    with pytest.raises(ConfigError, match=r"--z sets the latent vectors, and --prior draws them\. Give one of the two"):
        draw_figure("style", study, z=[[0, 0]], prior="mixture")


def test_one_label_may_be_given_alone(study: Study) -> None:
    alone, listed = (shown(draw_figure("style", study, label)) for label in ("8", ["8"]))
    assert all((one == other).all() for one, other in zip(alone, listed, strict=True))
    with pytest.raises(ConfigError, match=r"There is no prior 'mix'\. Did you mean 'mixture'"):
        draw_figure("style", study, prior="mix")


def test_t_sne_shows_progress_and_stays_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sklearn.manifold import TSNE

    points = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    advanced: list[int] = []

    @contextmanager
    def progress(*_: object) -> Iterator[Callable[[int], None]]:
        yield advanced.append

    monkeypatch.setattr(codes, "progress", progress)
    found = codes._embedded(points)
    assert sum(advanced) == codes.TSNE_ITERATIONS
    assert len(advanced) > 10, "it is shown on the way"
    assert capsys.readouterr().out == ""
    expected = TSNE(2, perplexity=(len(points) - 1) / 3, init="random", random_state=0).fit_transform(points)
    assert np.array_equal(found, expected)
