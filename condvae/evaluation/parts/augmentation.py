"""Whether a classifier becomes better with generated images of the classes that have too few."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from condvae.evaluation.imbalance import (
    AS_IS,
    COPIES,
    GENERATED,
    WAYS,
    Pool,
    class_sizes,
    how_trained,
    rare_classes,
    recognised,
    tested_classes,
)
from condvae.evaluation.measurement import Measurement
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import Protocol
from condvae.evaluation.recalls import interval, mean_recall
from condvae.evaluation.study import Study

UNEVEN = 0.5  # measured without being asked for if the rarest class has at most this share of the images of the largest
CONFIDENCE = 0.95
PLAIN = "plain"
WITH = [name for name, way in WAYS.items() if way.filled == GENERATED]
WITHOUT = [name for name in WAYS if name not in WITH]


@dataclass(frozen=True)
class Column(Section):
    """What classifiers that were trained in one way recognise.

    Attributes:
        words: what they were trained on.
        balanced: balanced accuracy, the mean over classes of the recall.
        rare: mean recall of the rare classes.
        others: mean recall of the other classes. None if there are none.
        difference: balanced accuracy minus that of training on the real images as they are. None for the latter.
        rare_difference: mean recall of the rare classes minus that of training on the real images as they are.
        recalls: recall of each class. None for a class without test images.
    """

    words: str
    balanced: Measurement = field(metadata={"title": "balanced accuracy"})
    rare: Measurement = field(metadata={"title": "recall of the rare classes"})
    others: Measurement | None = field(metadata={"title": "recall of the other classes"})
    difference: Measurement | None = field(metadata={"title": "balanced accuracy, minus real images as they are"})
    rare_difference: Measurement | None = field(metadata={"title": "recall of rare classes, minus real as they are"})
    recalls: tuple[Measurement | None, ...]

    @property
    def heading(self) -> str:
        return self.words


@dataclass(frozen=True)
class Gain(Section):
    """A column with generated images, compared with the best column without them.

    Attributes:
        words: what the classifiers of the column were trained on.
        against: what the classifiers of the best column without generated images were trained on.
        difference: balanced accuracy minus that of the best column without generated images.
        interval: confidence interval of this difference. Both gains of an evaluation lie in their intervals with
            CONFIDENCE.
        rare_difference: mean recall of the rare classes minus that of the best column without generated images.
    """

    words: str
    against: str
    difference: Measurement = field(metadata={"title": "difference of balanced accuracy"})
    interval: tuple[float, float]
    rare_difference: Measurement = field(metadata={"title": "difference of the recall of the rare classes"})

    @property
    def heading(self) -> str:
        return f"{self.words}, against {self.against}"

    @property
    def sentence(self) -> str:
        """The difference with its interval."""
        low, high = (f"{100 * bound:+.1f}" for bound in self.interval)
        return f"{self.words}: {100 * self.difference.value:+.1f} points ({low} to {high})"


@dataclass(frozen=True)
class Augmentation(Section):
    """Whether a classifier becomes better with generated images.

    Attributes:
        prior: where z is drawn from, "prior" or "mixture".
        classes: the name of each class.
        train_images: the number of training images of each class.
        rare_classes: the names of the rare classes.
        plain, weights, oversampling, classical, oversampling_classical, generated, generated_classical: the columns,
            see WAYS.
        generated_gain, generated_classical_gain: the two columns with generated images, each against the best column
            without them.
    """

    prior: str
    classes: tuple[str, ...]
    train_images: tuple[int, ...]
    rare_classes: tuple[str, ...]
    plain: Column
    weights: Column
    oversampling: Column
    classical: Column
    oversampling_classical: Column
    generated: Column
    generated_classical: Column
    generated_gain: Gain
    generated_classical_gain: Gain

    @property
    def columns(self) -> dict[str, Column]:
        """The columns by their names."""
        return {name: getattr(self, name) for name in WAYS}

    @property
    def gains(self) -> tuple[Gain, Gain]:
        """The two columns with generated images, against the best column without them."""
        return self.generated_gain, self.generated_classical_gain

    @property
    def verdict(self) -> str:
        if any(gain.interval[0] > 0 for gain in self.gains):
            begin = "Generated images help"
        elif all(gain.interval[1] < 0 for gain in self.gains):
            begin = "Generated images do not help, they make classifiers worse"
        else:
            begin = "Generated images do not help measurably"
        return (
            f"{begin}. Difference of the balanced accuracy to the best training without them "
            f"({self.generated_gain.against}), with intervals that hold together with {CONFIDENCE:.0%} confidence. "
            f"{'. '.join(gain.sentence.capitalize() for gain in self.gains)}."
        )


def measure_augmentation(study: Study, protocol: Protocol) -> Augmentation:
    """Train classifiers in every way with every seed, and compare what they recognise of the test images."""
    right: dict[str, list[Tensor]] = {name: [] for name in WAYS}
    for seed in range(protocol.classifier_seeds):
        pools = {filled: Pool(study, filled, seed, protocol) for filled in (AS_IS, COPIES, GENERATED)}
        for name, way in WAYS.items():
            right[name].append(recognised(study, way, pools[way.filled], seed, protocol))
    return _Comparison(study, protocol, {name: torch.stack(rows) for name, rows in right.items()}).result()


class _Comparison:
    """Columns and gains from what classifiers recognise.

    Args:
        study: the run.
        protocol: how it was measured.
        right: for each of WAYS, 1 where a classifier is right about a test image and 0 elsewhere, (seeds, N).
    """

    def __init__(self, study: Study, protocol: Protocol, right: dict[str, Tensor]) -> None:
        self.right, self.labels = right, study.test_labels
        self.names, self.sizes = study.model.schema.classes, class_sizes(study)
        self.prior = protocol.filling_prior
        self.known = tested_classes(study)
        self.rare = rare_classes(self.sizes, self.known)
        self.others = [one for one in self.known if one not in self.rare]
        self.rare_names = tuple(self.names[one] for one in self.rare)
        self.how = f"Real test images. {how_trained(study, protocol)} Rare classes: {', '.join(self.rare_names)}."

    def result(self) -> Augmentation:
        columns = {name: self.column(name) for name in WAYS}
        best = max(WITHOUT, key=lambda name: columns[name].balanced.value)
        gains = {f"{name}_gain": self.gain(name, best) for name in WITH}
        return Augmentation(self.prior, self.names, tuple(self.sizes.tolist()), self.rare_names, **columns, **gains)  # type: ignore[arg-type]  # mypy does not know the keys

    def column(self, name: str) -> Column:
        right, change = self.right[name], self.right[name] - self.right[PLAIN]
        begin, is_plain = f"Trained on {WAYS[name].words}.", name == PLAIN
        paired = f"{begin} Minus {WAYS[PLAIN].words}, paired by seed and test image."
        return Column(
            WAYS[name].words,
            self.measured(right, self.known, begin),
            self.measured(right, self.rare, begin),
            self.measured(right, self.others, begin) if self.others else None,
            None if is_plain else self.measured(change, self.known, paired),
            None if is_plain else self.measured(change, self.rare, paired),
            tuple(self.recall_of(one, right, begin) for one in range(len(self.names))),
        )

    def gain(self, name: str, best: str) -> Gain:
        change, words = self.right[name] - self.right[best], (WAYS[name].words, WAYS[best].words)
        text = (
            f"Trained on {words[0]}, minus {words[1]}, which has the largest balanced accuracy on these test images of "
            "all columns without generated images. Paired by seed and test image."
        )
        confidence = 1 - (1 - CONFIDENCE) / len(WITH)  # of each interval, so that all of them hold together
        bounds = interval(change, self.labels, self.known, confidence)
        return Gain(*words, self.measured(change, self.known, text), bounds, self.measured(change, self.rare, text))

    def measured(self, right: Tensor, classes: Sequence[int], text: str) -> Measurement:
        count = "1 class" if len(classes) == 1 else f"{len(classes)} classes"
        return mean_recall(right, self.labels, classes, f"Mean recall of {count}. {text} {self.how}")

    def recall_of(self, label: int, right: Tensor, text: str) -> Measurement | None:
        if not (self.labels == label).any():
            return None
        protocol = f"Recall of '{self.names[label]}'. {text} Otherwise as the balanced accuracy."
        return mean_recall(right, self.labels, [label], protocol)


def _is_uneven(study: Study) -> bool:
    sizes = class_sizes(study)
    return bool(sizes[sizes > 0].min() <= UNEVEN * sizes.max())


PART = Part(
    name="augmentation",
    title="Augmentation with generated images",
    order=95,
    kind=Augmentation,
    measure=measure_augmentation,
    applies=lambda study: len(study.model.conditions.classes) > 1 and bool(tested_classes(study)),
    needs="labels among the conditions of the model, at least two classes, and test images of a class in the training",
    by_default=_is_uneven,
)
