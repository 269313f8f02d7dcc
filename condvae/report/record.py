"""What a figure is: one record, with what it draws, its caption, and what one can choose of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from condvae.errors import InputError, unknown
from condvae.evaluation.study import Study
from condvae.inference.batched import MODEL_PRIOR
from condvae.inference.tensors import as_conditions, as_vectors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Vectors = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Wanted:
    """A study, and what was chosen of a figure of it.

    Attributes:
        study: the model and its data.
        label: class names. None for the figure's own choice.
        z: latent vectors. None for the figure's own choice.
        prior: where latent vectors are drawn from, "prior" or "mixture".
    """

    study: Study
    label: Sequence[str] | None = None
    z: Vectors | None = None
    prior: str = MODEL_PRIOR

    def model_labels(self, usual: Sequence[str]) -> Sequence[str | None]:
        """The labels to draw images of: the chosen ones, or the usual ones, or the first classes of the model.

        Its only entry is None for a model without labels.

        Raises:
            InputError: a label is not one of the model's.
        """
        conditions = self.study.model.conditions
        if self.label is not None:
            for label in self.label:
                conditions.index(label)
            return self.label
        if not conditions.classes:
            return [None]
        return [name for name in usual if name in conditions.classes] or conditions.classes[: len(usual)]

    def data_labels(self) -> Sequence[str]:
        """The classes of the data to show: the chosen ones, or all.

        Raises:
            InputError: a label is not one of the data's.
        """
        classes = self.study.model.schema.classes
        for label in self.label or ():
            if label not in classes:
                raise InputError(unknown("label", label, classes))
        return self.label or classes

    def test_positions(self) -> NDArray[np.int64]:
        """Positions of the test images of these classes."""
        known = [self.study.model.schema.classes.index(name) for name in self.data_labels()]
        return np.flatnonzero(np.isin(self.study.test_labels.numpy(), known))

    def points(self, usual: Vectors, label: str | None) -> NDArray[np.float32]:
        """Latent vectors (N, Z): the usual points of a plane, or `styles` if any were chosen or there is no plane."""
        latent = self.study.model.config.latent
        if latent > 2 or self.prior != MODEL_PRIOR or self.z is not None:
            return self.styles(label, len(usual))
        return np.asarray(usual, np.float32)[:, :latent]

    def styles(self, label: str | None, count: int) -> NDArray[np.float32]:
        """Latent vectors (N, Z): the chosen ones, or `count` that are drawn for a label, always the same ones."""
        model = self.study.model
        if self.z is not None:
            return as_vectors(model, self.z).numpy()
        rows = as_conditions(model, label, model.conditions.typical)
        return self.study.draw(rows.expand(count, -1), 0, self.prior).numpy()


@dataclass(frozen=True)
class FigureRecord:
    """One of the figures.

    Attributes:
        draw: draws what is wanted.
        caption: what the figure shows, for the report.
        options: what one can choose: "label", "z" or "prior".
        applies: whether the figure can be drawn of a study.
        needs: what the model must have for that, in words.
        adds: whether the report of a study shows the figure, because it shows more than the other figures.
    """

    draw: Callable[[Wanted], "Figure"]
    caption: str
    options: tuple[str, ...] = ()
    applies: Callable[[Study], bool] = lambda _: True
    needs: str = "a trained model"
    adds: Callable[[Study], bool] = lambda _: True
