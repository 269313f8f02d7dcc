"""Whether images that the model draws are copies of training images."""

from dataclasses import dataclass, field

from condvae.evaluation.copies import LEVEL, Nearness, Views, compare, controls, nearest_of_class, small_and_shifted
from condvae.evaluation.features import JUDGED
from condvae.evaluation.measurement import Measurement, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import Protocol, drawing, examples, sample_rows
from condvae.evaluation.study import Study
from condvae.seeds import shuffled

GENERATED, HELD_OUT = "generated", "held out"
IMAGES = 2000  # test images whose nearest training images are searched, and as many generated ones
COPIED = 42  # distinguishes the seed that chooses the training images of the controls


@dataclass(frozen=True)
class Control(Section):
    """Training images copied in one way, which the comparison must detect.

    Attributes:
        way: how they are copied.
        nearer: as `Copying.nearer`, of these copies.
        flagged: as `Copying.flagged`: the rate at which such copies are detected.
    """

    way: str
    nearer: Measurement = field(metadata={"title": "nearer to a training image than a reconstruction"})
    flagged: Measurement = field(metadata={"title": "flagged as copies"})

    @property
    def heading(self) -> str:
        return f"control: {self.way}"


@dataclass(frozen=True)
class Copying(Section):
    """How near generated images are to training images of their class, by pixels or features.

    Attributes:
        distance: what is compared.
        nearer: probability that a generated image is nearer to its nearest training image than the reconstruction of
            a test image of the same class is to its own. 0.5 without copying, and 1 for copies.
        flagged: share of generated images that are nearer to a training image than 99% of the reconstructions, each
            relative to the median of its class. 1% is expected without copying.
        controls: the same for training images that were copied in several ways.
    """

    distance: str
    nearer: Measurement = field(metadata={"title": "nearer to a training image than a reconstruction"})
    flagged: Measurement = field(metadata={"title": "flagged as copies"})
    controls: tuple[Control, ...] = ()

    @property
    def heading(self) -> str:
        return self.distance


@dataclass(frozen=True)
class Memorisation(Section):
    """Whether generated images are copies of training images.

    Decoder means are smoother than images. They are therefore compared with reconstructions of test images, which are
    as smooth, and whose images are not in the training set.

    Attributes:
        prior: where z is drawn from, "prior" or "mixture".
        by_distance: the comparison, by pixels and by features.
    """

    prior: str
    by_distance: tuple[Copying, ...]

    @property
    def heading(self) -> str:
        return f"z from the {self.prior}"


def _measure(study: Study, protocol: Protocol) -> Memorisation:
    shown = shuffled(len(study.test_labels))[:IMAGES]
    labels, prior = study.test_labels[shown], protocol.usual_prior
    rows = sample_rows(study, labels)
    generated = study.decode(study.draw(rows, 0, prior), rows)
    held_out = study.decode(study.test_codes[shown], study.test_rows[shown])
    copied = examples(study, labels, COPIED)
    own, found = study.train_labels[copied], []
    copies = {way: (images, own) for way, images in controls(study, copied).items()}
    for name, views in _distances(study).items():
        sets = {GENERATED: (generated, labels), HELD_OUT: (held_out, labels), **copies}
        distances = nearest_of_class(study, sets, views)
        near = {one: compare(distances[one], sets[one][1], distances[HELD_OUT], labels) for one in (GENERATED, *copies)}
        how = (
            f"Distance in {name} to the nearest training image of the class, compared with the distances of "
            f"reconstructions of {len(labels):,} test images of the class."
        )
        drawn = f"{how} Generated images with the labels of these test images, {drawing(study, prior)}"
        tests = tuple(Control(way, *_figures(near[way], f"{how} Training images, {way}.")) for way in copies)
        found.append(Copying(name, *_figures(near[GENERATED], drawn), tests))
    return Memorisation(prior, tuple(found))


def _figures(near: Nearness, how: str) -> tuple[Measurement, Measurement]:
    flagged = f"{how} Flagged if nearer than all but {LEVEL:.0%} of them, relative to the median of the class."
    return measure(near.nearer, f"{how} Ties count as half."), measure(near.flagged, flagged)


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
