"""A trained model and its data to an `Evaluation`: every figure with its protocol, number of items and error."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from math import sqrt
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import torch
from torch import Tensor

from condvae.config import SOURCES, Choices
from condvae.density import FITTED, fit_mixture
from condvae.errors import ConfigError, unknown
from condvae.files import sha256, write_text
from condvae.generation import FEWEST, Generation, Memorisation, measure_generation, measure_memorisation
from condvae.metrics import Measurement, measure, squared_error
from condvae.nats import Classifier, Nats, measure_likelihood
from condvae.sampling import CHUNK, decode, draw, unit
from condvae.score import Score, measure_score
from condvae.study import Study
from condvae.styles import Leak, Obedience, measure_leak, measure_obedience

EDITION = 3  # one more whenever a figure would come out otherwise for the same model
SSIM_SIDE = 11  # of its window: smaller images have no SSIM


@dataclass(frozen=True)
class Reconstruction:
    """Test images encoded to the posterior mean and decoded.

    Attributes:
        mse: squared error, averaged over pixels in [0, 1].
        psnr: peak signal-to-noise ratio, in dB.
        ssim: structural similarity; None for images smaller than its window.
    """

    mse: Measurement = field(metadata={"title": "reconstruction error (test MSE)"})
    psnr: Measurement = field(metadata={"title": "PSNR, dB"})
    ssim: Measurement | None = field(metadata={"title": "SSIM"})


@dataclass(frozen=True)
class Codes:
    """Where the latent vectors lie.

    Attributes:
        posterior_sd: standard deviation of q(z|x,y); near 0 where nothing keeps it from collapsing.
        code_sd: spread of the posterior means over the training images.
        surprise: minus the log density of test codes under the ex-post mixture of the training codes.
    """

    posterior_sd: Measurement = field(metadata={"title": "posterior standard deviation"})
    code_sd: Measurement = field(metadata={"title": "spread of the codes"})
    surprise: Measurement = field(metadata={"title": "-log density of test codes, ex-post mixture"})


@dataclass(frozen=True)
class Accuracy:
    """Share of images that the judge takes for their label, by where z is from.

    Attributes:
        encoded: z of training images of that label.
        gaussian: z from one Gaussian per class, fitted to those.
        mixture: z from the ex-post mixture fitted to those.
        prior: z from the prior.
    """

    encoded: Measurement = field(metadata={"title": "conditional accuracy, z as encoded"})
    gaussian: Measurement = field(metadata={"title": "conditional accuracy, a Gaussian per class"})
    mixture: Measurement = field(metadata={"title": "conditional accuracy, the ex-post mixture"})
    prior: Measurement = field(metadata={"title": "conditional accuracy, z from the prior"})


@dataclass(frozen=True)
class Evaluation:
    """How good a model is, in parts; None for what was not measured, or does not apply to the model.

    Attributes:
        weights: SHA-256 digest of the weights that were measured.
        edition: of the protocols, EDITION.
        judge: the classifier that judged, and how often it is right itself; None if none was asked.
        reconstruction: of the test images.
        codes: of the training and test images.
        accuracy: conditional accuracy.
        likelihood: the bound and -log p(x|y); None where there is no likelihood.
        classifier: the model as a classifier, likewise.
        generation: images drawn from the prior and from the mixture, as means and as samples.
        score: the classification accuracy score.
        leak: whether z knows the label.
        obedience: how well requested attributes are met.
        memorisation: whether images drawn are copies.
    """

    weights: str
    edition: int = EDITION
    judge: str | None = None
    reconstruction: Reconstruction | None = None
    codes: Codes | None = None
    accuracy: Accuracy | None = None
    likelihood: Nats | None = None
    classifier: Classifier | None = None
    generation: tuple[Generation, ...] = ()
    score: Score | None = None
    leak: Leak | None = None
    obedience: tuple[Obedience, ...] = ()
    memorisation: Memorisation | None = None

    def figures(self) -> Iterator[tuple[str, str, Measurement]]:
        """Every figure: its part, its title, and itself."""
        for part in fields(self):
            sections = getattr(self, part.name)
            for section in sections if isinstance(sections, tuple) else (sections,):
                if is_dataclass(section):
                    yield from ((_heading(part.name, section), *figure) for figure in _figures(section))


QUICK = ("reconstruction", "codes", "accuracy")


def evaluate(study: Study, parts: Sequence[str] = (), choices: Choices | None = None) -> Evaluation:
    """Measure a trained model on its data; the same model gives the same figures.

    Args:
        study: the run.
        parts: what to measure, names of PARTS; all if empty. What evaluation.json holds of these weights is kept.
        choices: of the protocol; the usual ones if left out.

    Raises:
        ConfigError: there is no such part.
        DataError: the data cannot be had.
        StorageError: the run folder cannot be written.
    """
    for part in parts:
        if part not in PARTS:
            raise ConfigError(unknown("part of the evaluation", part, PARTS))
    found = load_evaluation(study)
    for part in parts or PARTS:
        found = replace(found, **PARTS[part](study, choices or Choices()))
        save_evaluation(study, found)
    return found


def load_evaluation(study: Study) -> Evaluation:
    """What was measured of these weights; an evaluation without figures if nothing was, or not as it is done now."""
    nothing = Evaluation(sha256(study.run.weights))
    try:
        content = json.loads(study.run.evaluation.read_text("utf-8"))
        if (content["weights"], content["edition"]) != (nothing.weights, EDITION):
            return nothing
        return _restored(Evaluation, content)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return nothing


def save_evaluation(study: Study, evaluation: Evaluation) -> None:
    """Write evaluation.json into the run folder."""
    write_text(study.run.evaluation, json.dumps(asdict(evaluation), indent=2) + "\n")


def _reconstruction(study: Study, _: Choices) -> dict[str, Any]:
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    test = unit(torch.from_numpy(study.data.test.images))
    copies = decode(study.model, study.test_codes[0], study.test_rows)
    how = f", test images decoded from their posterior mean{study.encoding}"
    error = squared_error(test, copies)
    similar = None
    if min(test.shape[-2:]) >= SSIM_SIDE:
        pairs = zip(test.split(1000), copies.split(1000), strict=True)
        values: list[Any] = [ssim(copy, real, data_range=1.0, reduction="none") for real, copy in pairs]
        similar = measure(torch.cat(values), "structural similarity with a Gaussian window of 11 x 11" + how)
    psnr = -10 * error.clamp(min=1e-10).log10()
    mse = measure(error, "mean squared error per pixel, pixels in [0, 1]" + how)
    return {"reconstruction": Reconstruction(mse, measure(psnr, "mean over images of -10 log10 MSE" + how), similar)}


def _codes(study: Study, _: Choices) -> dict[str, Any]:
    count = len(study.train_codes)
    spread = study.train_codes.double().std(0).mean().item() if count > 1 else 0.0
    protocol = (
        f"standard deviation of posterior means over training images, mean over latent dimensions{study.encoding}"
    )
    how = f"standard deviation of q(z|x,y), mean over latent dimensions, test images{study.encoding}"
    sd = measure(study.test_codes[1].mean(1), how)
    spread_of_codes = Measurement(spread, spread / sqrt(2 * count), count, protocol)  # its error as for a Gaussian
    parts = zip(study.test_codes[0].split(CHUNK), study.test_rows.split(CHUNK), strict=True)
    density = torch.cat([study.mixture(study.model.conditions(rows)).log_prob(codes) for codes, rows in parts])
    how = f"nats, posterior means of test images, under {FITTED}{study.encoding}"
    surprise = measure(-density, how)
    return {"codes": Codes(sd, spread_of_codes, surprise)}


def _accuracy(study: Study, _: Choices) -> dict[str, Any]:
    judge, model = study.judge, study.model
    if judge is None or not model.conditions.classes:
        return {}
    labels = study.sample_labels
    rows = study.rows(labels)
    gaussians = fit_mixture(study.train_codes, study.train_labels, len(model.schema.classes), components=1, outliers=0)
    sources: dict[str, tuple[Tensor, str]] = {
        "encoded": (study.train_codes[study.examples(labels)], f"training images of that label{study.encoding}"),
        "gaussian": (draw(model, rows, 0, prior=gaussians), f"a Gaussian a class, fitted to its codes{study.encoding}"),
        **{source: (study.draw(rows, 0, source), f"the {study.origin(source)}") for source in SOURCES},
    }
    protocol = f"share judged to be the label, {study.sample_size}, decoder mean, z from "
    shares = {
        name: measure(judge.correct(decode(model, z, rows), labels), protocol + source)
        for name, (z, source) in sources.items()
    }
    return {"accuracy": Accuracy(**shares), "judge": judge.description}


def _likelihood(study: Study, choices: Choices) -> dict[str, Any]:
    if not study.config.has_bound:
        return {}
    likelihood, classifier = measure_likelihood(study, choices.samples, choices.images)
    return {"likelihood": likelihood, "classifier": classifier}


def _generation(study: Study, _: Choices) -> dict[str, Any]:
    judge = study.judge
    if judge is None or len(study.test_labels) < FEWEST:
        return {}
    return {"generation": measure_generation(study, judge), "judge": judge.description}


def _score(study: Study, choices: Choices) -> dict[str, Any]:
    return {"score": measure_score(study, choices.source)} if study.model.conditions.classes else {}


PARTS: dict[str, Callable[[Study, Choices], dict[str, Any]]] = {
    "reconstruction": _reconstruction,
    "codes": _codes,
    "accuracy": _accuracy,
    "likelihood": _likelihood,
    "leak": lambda study, _: {"leak": measure_leak(study)},
    "obedience": lambda study, choices: {"obedience": measure_obedience(study, choices.source)},
    "memorisation": lambda study, choices: {"memorisation": measure_memorisation(study, choices.source)},
    "generation": _generation,
    "score": _score,
}
# What a model and its data must have for a part, where not all have it.
NEEDS = {
    "accuracy": "labels among the model's conditions, and several classes",
    "likelihood": "a likelihood, which mse is not, and a gaussian posterior",
    "obedience": "a condition that can be measured of images",
    "generation": f"several classes, and {FEWEST} test images",
    "score": "labels among the model's conditions",
}


def _heading(part: str, section: Any) -> str:
    if isinstance(section, Generation):
        end = ", no condition" if section.conditions == "none" else ""
        return f"generation, z from the {section.source}, decoder {section.mode}{end}"
    if isinstance(section, Nats):
        return f"{part}, {section.measures}"
    name = f"{part}, {section.name}" if isinstance(section, Obedience) else part
    return f"{name}, z from the {section.source}" if isinstance(section, (Memorisation, Obedience, Score)) else name


def _figures(section: Any) -> Iterator[tuple[str, Measurement]]:
    for item in fields(section):
        value, title = getattr(section, item.name), item.metadata.get("title", "")
        if isinstance(value, tuple):
            yield from ((f"{title} {number}", one) for number, one in enumerate(value))
        elif isinstance(value, Measurement):
            yield title, value


def _restored(kind: Any, value: Any) -> Any:
    """Plain dictionaries and lists, as the dataclasses and tuples that they were."""
    if get_origin(kind) is UnionType:
        return None if value is None else _restored(get_args(kind)[0], value)
    if get_origin(kind) is tuple:
        return tuple(_restored(get_args(kind)[0], part) for part in value)
    if isinstance(value, Mapping):
        types = get_type_hints(kind)
        return kind(**{name: _restored(types[name], part) for name, part in value.items()})
    return value
