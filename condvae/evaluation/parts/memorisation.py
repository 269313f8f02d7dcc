"""Whether images that the model draws are copies of training images."""

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import Tensor

from condvae.config import Z_PRIORS
from condvae.evaluation.copies import (
    LEVEL,
    Labelled,
    Views,
    compare,
    controls,
    nearest_of_class,
    small_and_shifted,
)
from condvae.evaluation.features import JUDGED
from condvae.evaluation.measurement import Measurement, bootstrapped
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import Protocol, drawing, examples, sample_rows
from condvae.evaluation.study import Study
from condvae.seeds import shuffled

HELD_OUT = "held out"
IMAGES = 2000  # test images whose nearest training images are searched, and as many generated ones
COPIED = 42  # distinguishes the seed that chooses the training images of the controls


@dataclass(frozen=True)
class Compared(Section):
    """How near images are to training images of their class, compared with reconstructions of test images.

    Attributes:
        images: generated images, by where z is drawn from, or training images that were copied in one way.
        nearer: probability that an image is nearer to its nearest training image than the reconstruction of a test
            image of the same class is to its own. 0.5 for images like these reconstructions, and 1 for copies.
        flagged: share of images that are nearer to a training image than 99% of the reconstructions, each relative to
            the median of its class. 1% for images like these reconstructions. For training images that were copied, it
            is the rate at which such copies are detected.
    """

    images: str
    nearer: Measurement = field(metadata={"title": "nearer to a training image than a reconstruction"})
    flagged: Measurement = field(metadata={"title": "flagged as copies"})

    @property
    def heading(self) -> str:
        return self.images


@dataclass(frozen=True)
class Copying(Section):
    """The comparison by pixels or features.

    Attributes:
        distance: what is compared.
        generated: images with z from the prior, and from the mixture.
        controls: training images that were copied in several ways. Those that the model reconstructs show whether
            copies would be found that are as blurred as everything that it draws.
    """

    distance: str
    generated: tuple[Compared, ...]
    controls: tuple[Compared, ...]

    @property
    def heading(self) -> str:
        return self.distance


@dataclass(frozen=True)
class Memorisation(Section):
    """Whether generated images are copies of training images.

    Decoder means are smoother than images. They are therefore compared with reconstructions of test images, which are
    as smooth, and whose images are not in the training set. Images that are more typical than test images are nearer to
    training images as well: a share above 0.5 alone shows no copies.

    Attributes:
        by_distance: the comparison, by pixels and by features.
    """

    by_distance: tuple[Copying, ...]


def _measure(study: Study, _: Protocol) -> Memorisation:
    known = (study.label_frequencies[study.test_labels] > 0).nonzero()[:, 0]
    shown = known[shuffled(len(known))[:IMAGES]]
    labels = study.test_labels[shown]
    rows, copied = sample_rows(study, labels), examples(study, labels, COPIED)
    drawn = {prior: study.decode(study.draw(rows, 0, prior), rows) for prior in Z_PRIORS}
    held_out = study.decode(study.test_codes[shown], study.test_rows[shown])
    copies = controls(study, copied)
    copies["reconstructed"] = study.decode(study.train_codes[copied], study.train_rows[copied])
    sets = {HELD_OUT: (held_out, labels), **{prior: (images, labels) for prior, images in drawn.items()}}
    sets |= {way: (images, study.train_labels[copied]) for way, images in copies.items()}
    found = []
    for name, views in _distances(study).items():
        distances = nearest_of_class(study, sets, views)
        how = (
            f"Distance in {name} to the nearest training image of the class, compared with the distances of "
            f"reconstructions of {len(labels):,} test images of the class."
        )
        asked = f"{how} Generated images with the labels of these test images,"
        generated = tuple(
            _compared(f"z from the {prior}", distances, sets, prior, f"{asked} {drawing(study, prior)}")
            for prior in drawn
        )
        tests = tuple(
            _compared(f"control: {way}", distances, sets, way, f"{how} Training images, {way}.") for way in copies
        )
        found.append(Copying(name, generated, tests))
    return Memorisation(tuple(found))


def _compared(title: str, distances: dict[str, Tensor], sets: dict[str, Labelled], name: str, how: str) -> Compared:
    """One set of images, with errors that have those of the held-out images."""
    (own, labels), (held_out, theirs) = ((distances[one], sets[one][1]) for one in (name, HELD_OUT))

    def share(figure: str) -> Callable[[Tensor, Tensor], float]:
        def of(others: Tensor, chosen: Tensor) -> float:
            near = compare(own[chosen], labels[chosen], held_out[others], theirs[others])
            return float(getattr(near, figure).mean())

        return of

    flagged = f"{how} Flagged if nearer than all but {LEVEL:.0%} of them, relative to the median of the class."
    sizes = len(held_out), len(own)
    return Compared(
        title,
        bootstrapped(share("nearer"), f"{how} Ties count as half.", *sizes),
        bootstrapped(share("flagged"), flagged, *sizes),
    )


def _distances(study: Study) -> dict[str, Views]:
    """What is compared, by name. Features of the judge need several classes."""
    judge = study.judge
    found: dict[str, Views] = {"pixels, averaged over 2 x 2 and shifted by at most one pixel": small_and_shifted}
    return found if judge is None else {**found, JUDGED: lambda images: [judge.embed(images)]}


PART = Part(
    name="memorisation",
    title="Memorisation of training images",
    order=70,
    kind=Memorisation,
    measure=_measure,
)
