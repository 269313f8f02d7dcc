"""Graphs that only the page needs: the classifier, and the measures of images."""

import torch
from torch import Tensor

from condvae.data.attributes import MEASURES
from condvae.evaluation.judge import Judge
from condvae.export.graphs import Blend, Condition, Decode, Encode, Graph, Tensors, Vectors
from condvae.images import unit
from condvae.model.cvae import CVAE
from condvae.model.priors import MixturePrior


class OfImages(Graph):
    """A graph that takes images and nothing else."""

    conditional = False

    def own_inputs(self, count: int) -> Tensors:
        return {"images": self.rounded(torch.rand(count, *self.model.schema.shape))}


class Classify(OfImages):
    """The judge.

    Args:
        model: the model, in evaluation mode, on the CPU.
        judge: a classifier of its images.
    """

    name = "classify"
    text = "Images to the probability of each class."
    outputs = ("probabilities",)

    def __init__(self, model: CVAE, judge: Judge) -> None:
        super().__init__(model, integers=True)
        self.judge = judge

    def forward(self, given: Tensors) -> tuple[Tensor, ...]:
        return (self.judge(unit(given["images"])).softmax(-1),)


class Measure(OfImages):
    name = "measure"
    text = "Images to their slant, thickness, ink and width."
    outputs = ("values",)

    def forward(self, given: Tensors) -> tuple[Tensor, ...]:
        images = unit(given["images"])
        return (torch.stack([measure(images) for measure in MEASURES.values()], 1),)


def page_graphs(model: CVAE, mixture: MixturePrior | None, judge: Judge | None) -> dict[str, Graph]:
    """The graphs of the page by the names of their files. Their images are uint8."""
    decode = Blend(model, True) if model.conditions.variables else Decode(model, True)
    found: dict[str, Graph] = {"decode": decode, "encode": Encode(model, True)}
    if mixture is not None:
        found["vectors"] = Vectors(model, mixture)
    if model.conditions.variables:
        found["condition"] = Condition(model)
    if any(not variable.classes for variable in model.conditions.variables):
        found["measure"] = Measure(model, True)
    if judge is not None:
        found["classify"] = Classify(model, judge)
    return found
