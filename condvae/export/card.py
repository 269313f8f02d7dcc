"""The model card of a run: what it is, how good it is, and how to load it."""

import json
from typing import NamedTuple

import numpy as np

from condvae.errors import listed
from condvae.evaluation.evaluate import Evaluation, load_evaluation
from condvae.evaluation.study import Study
from condvae.images import contact_sheet, png
from condvae.inference.operations import generate
from condvae.model.cvae import CVAE

COLUMNS, CLASSES = 10, 20  # images of each class on the picture, and classes at most
PICTURE_WIDTH = 640  # pixels that the picture should have


class Card(NamedTuple):
    """What a card says beside what follows from the run.

    Attributes:
        name: USER/NAME of the repository.
        licence: the identifier of the licence of the weights. None if none was given.
        picture: the name of the picture.
    """

    name: str
    licence: str | None
    picture: str


def pictured(model: CVAE) -> bytes:
    """A PNG file with images of each class, a row for each."""
    names = model.conditions.classes[:CLASSES]
    count, given = COLUMNS if names else COLUMNS * COLUMNS, model.conditions.typical
    images = generate(model, list(names) or None, attributes=given, count=count, seed=0)
    sheet = contact_sheet(np.asarray(images), COLUMNS)
    return png(sheet, max(1, PICTURE_WIDTH // sheet.shape[-1]))


def written(card: Card, study: Study) -> str:
    """The text of the card, with its metadata at the top."""
    from huggingface_hub import ModelCard, ModelCardData

    data = ModelCardData(
        license=card.licence,
        library_name="condvae",
        pipeline_tag="unconditional-image-generation",
        tags=["condvae", "conditional-vae", "vae", "image-generation"],
        model_name=card.name.partition("/")[2],
    )
    measured = load_evaluation(study)
    lines = ["---", data.to_yaml().strip(), "---", "", f"# {data.model_name}", "", _summary(study.model)]
    lines += [
        "",
        f"![Images of each class]({card.picture})",
        "",
        *_loading(card, study.model),
        "",
        *_training(card, study),
    ]
    lines += ["", *_figures(measured), "", *_limits(measured, study.model)]
    return ModelCard("\n".join([*lines, ""])).content


def _summary(model: CVAE) -> str:
    channels, height, width = model.schema.shape
    what = "grey" if channels == 1 else "colour"
    config, classes = model.config, model.conditions.classes
    given = f" Conditions: {', '.join(config.conditions)}." if config.conditions else " It has no conditions."
    names = f" Classes: {listed(classes)}." if classes else ""
    return (
        f"A conditional variational autoencoder, made with condvae. It draws {what} images of {height} x {width} "
        f"pixels from {config.latent} latent dimensions. Likelihood: {config.likelihood}. Prior: {config.prior}. "
        f"Networks: {config.network}.{given}{names}"
    )


def _loading(card: Card, model: CVAE) -> list[str]:
    classes = model.conditions.classes
    label = f"{json.dumps(classes[0], ensure_ascii=False)}, " if classes else ""
    given = f"attributes={model.conditions.typical}, " if model.conditions.typical else ""
    drawn = f"images = condvae.generate(model, {label}{given}count=16, seed=0)"
    lines = [f'model = condvae.load("hf://{card.name}")', drawn]
    return ["## Use", "", "```python", "import condvae  # pip install 'condvae[hub]'", "", *lines, "```"]


def _training(card: Card, study: Study) -> list[str]:
    record = study.description["record"]
    counts = {name: record.get(f"{name}_images", 0) for name in ("train", "validation", "test")}
    images = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    cost = (
        f"{record['epochs']} epochs and {record['steps']:,} steps in {record['seconds']:,.0f} s on {record['device']} "
        f"with {record['threads']} threads, for {record['parameters']:,} parameters."
    )
    return [
        "## Data and training",
        "",
        f"- Data: `{study.config.data.source}`, {images} images.",
        f"- Licence of the weights: {card.licence or 'not given'}. The data may have another licence.",
        f"- Training: {cost} Finished {record['finished']}.",
        "- Settings: `config.yaml`, which `condvae train --recipe` takes.",
    ]


def _figures(measured: Evaluation) -> list[str]:
    lines = ["## Figures", ""]
    rows = [
        f"| {heading} | {title} | {figure.value:.4g}{f' ± {figure.error:.2g}' if figure.has_error else ''} | "
        f"{figure.count:,} | {figure.protocol} |".replace("p(x|", "p(x\\|").replace("q(z|", "q(z\\|")
        for heading, title, figure in measured.figures()
    ]
    if not rows:
        return [*lines, "No figures were measured."]
    judge = [f"Images are judged by {measured.judge}.", ""] if measured.judge else []
    return [*lines, *judge, "| part | figure | value ± standard error | n | protocol |", "|---|---|---|---|---|", *rows]


def _limits(measured: Evaluation, model: CVAE) -> list[str]:
    height, width = model.schema.shape[1:]
    lines = [
        f"- All images have {height} x {width} pixels.",
        "- An image is the mean of p(x|z,y), which is smoother than a photograph.",
    ]
    if model.conditions.classes:
        lines.append("- The model knows no other classes than those of its training images.")
    return ["## Limits", "", *lines, *(f"- {title}: {verdict}" for title, verdict in measured.verdicts())]
