"""What is to be filled up with generated images, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from condvae.errors import InputError
from condvae.evaluation.study import Study
from condvae.inference.batched import MIXTURE


class Filled(NamedTuple):
    """What became of a class.

    Attributes:
        label: its name.
        real: the number of its training images.
        wanted: the number of generated images that it lacks.
        generated: the number of generated images in the folder.
        draws: the number of images that were drawn for them.
    """

    label: str
    real: int
    wanted: int
    generated: int
    draws: int


@dataclass(frozen=True)
class Options:
    """What decides the images that are drawn.

    Args:
        to: the number of images that each class shall have. None for as many as the largest class has.
        label: names or numbers of the classes to fill up. None for all.
        judged: whether to keep only images that the judge takes for their class.
        with_real: whether to copy the training images of these classes into the folder as well.
        prior: "mixture" for the mixture that is fitted to the codes, or "prior" for the model's own prior.
        sample: whether to draw pixels from p(x|z,y), instead of taking its mean.
        seed: seed of all random numbers.
    """

    to: int | None = None
    label: Sequence[str | int] | None = None
    judged: bool = False
    with_real: bool = False
    prior: str = MIXTURE
    sample: bool = False
    seed: int = 0


def chosen_classes(study: Study, options: Options) -> list[int]:
    """The numbers of the classes to fill up: those of the options, or all that have training images.

    Raises:
        InputError: the model has no labels, there is no such label, or a class has no training images.
    """
    conditions, sizes = study.model.conditions, list(study.data.train.counts().values())
    if not conditions.classes:
        raise InputError(
            f"The model in {study.run.path} has no labels, and this command fills up classes. Train a model with "
            "'label' among model.conditions."
        )
    if options.label is None:
        return [number for number, size in enumerate(sizes) if size]
    chosen = sorted({conditions.index(label) for label in options.label})
    for number in chosen:
        if not sizes[number]:
            raise InputError(
                f"The class '{conditions.classes[number]}' has no training images, so that the model cannot draw it. "
                "Choose other labels."
            )
    return chosen


def missing_images(study: Study, options: Options) -> dict[int, int]:
    """How many images each class lacks, by the number of the class, for those that lack some.

    Raises:
        InputError: no class lacks any, or an option is not possible.
    """
    chosen, sizes = chosen_classes(study, options), list(study.data.train.counts().values())
    if options.to is not None and options.to < 1:
        raise InputError(f"--to must be at least 1, got {options.to}.")
    goal = max(sizes) if options.to is None else options.to
    wanted = {number: goal - sizes[number] for number in chosen if sizes[number] < goal}
    if wanted:
        return wanted
    smallest = min(chosen, key=lambda number: sizes[number])
    begin = "--balance finds nothing to do" if options.to is None else f"--to {goal} leaves nothing to do"
    raise InputError(
        f"{begin}: the smallest of the classes, '{study.model.conditions.classes[smallest]}', has {sizes[smallest]:,} "
        "training images. Ask for more than that with --to."
    )
