"""A trained model and its data to an `Evaluation`: every figure with its protocol, number of items and error."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from condvae.errors import ConfigError, unknown
from condvae.evaluation.accuracy import Accuracy, _accuracy
from condvae.evaluation.classifier_score import Score, measure_score
from condvae.evaluation.control import Leak, Obedience, measure_leak, measure_obedience
from condvae.evaluation.likelihood import Classifier, Nats, measure_likelihood
from condvae.evaluation.measurement import Measurement
from condvae.evaluation.memorisation import Memorisation, measure_memorisation
from condvae.evaluation.protocol import Choices
from condvae.evaluation.realism import FEWEST, Generation, measure_generation
from condvae.evaluation.reconstruction import Codes, Reconstruction, _codes, _reconstruction
from condvae.evaluation.study import Study
from condvae.files import sha256, write_text

EDITION = 3  # one more whenever a figure would come out otherwise for the same model


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
