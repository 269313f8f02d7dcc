"""What is exported of a model: modules from named tensors to tensors, without distributions and chance.

Each condition is an input of its own: int64 (B,) for the number of a class, -1 where it is not given; float32 (B,) for
a number, NaN where it is not given. Latent vectors are in standard coordinates (see `condvae.model.priors`).
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from condvae.errors import ConfigError
from condvae.model.cvae import CVAE
from condvae.model.priors import MixturePrior

Tensors = dict[str, Tensor]
TRACED = 3  # images in the batch that is traced, whose size stays open
RESERVED = ("images", "mean", "noise", "stddev", "uniform", "y", "z")  # names of inputs and outputs


class Graph(nn.Module, ABC):
    """A function of a model.

    Args:
        model: the model, in evaluation mode, on the CPU.
        integers: whether images are uint8 from 0 to 255. Otherwise they are floats from 0 to 1.

    Attributes:
        name: what it is called.
        text: what it does, in a sentence.
        outputs: the names of what it returns.
        conditional: whether the conditions are inputs.
    """

    name: ClassVar[str]
    text: ClassVar[str]
    outputs: ClassVar[tuple[str, ...]]
    conditional: ClassVar[bool] = True

    def __init__(self, model: CVAE, integers: bool = False) -> None:
        super().__init__()
        self.model, self.integers = model, integers

    @property
    def condition_names(self) -> tuple[str, ...]:
        """The names of the conditions, which are inputs."""
        return tuple(variable.name for variable in self.model.conditions.variables if self.conditional)

    @abstractmethod
    def own_inputs(self, count: int) -> Tensors:
        """Examples of the inputs beside the conditions, for a batch of `count`, drawn at random."""

    @abstractmethod
    def forward(self, given: Tensors) -> tuple[Tensor, ...]:
        """Inputs by name to the outputs."""

    def inputs(self, count: int) -> Tensors:
        """Examples of all inputs, for a batch of `count`, drawn at random."""
        found = self.own_inputs(count)
        for variable in self.model.conditions.variables if self.conditional else ():
            if variable.classes:
                found[variable.name] = torch.randint(len(variable.classes), (count,))
            else:
                found[variable.name] = variable.mean + variable.sd * torch.randn(count)
        return found

    def program(self) -> torch.export.ExportedProgram:
        """The graph as a program of torch.export, for batches of any size."""
        inputs = self.inputs(TRACED)
        dynamic = {"given": {name: {0: torch.export.Dim.DYNAMIC} for name in inputs}}
        with torch.no_grad():
            return torch.export.export(self.eval(), (), {"given": inputs}, dynamic_shapes=dynamic, strict=False)

    def condition_vectors(self, given: Tensors) -> Tensor:
        """The condition vectors (B, Y) of the inputs."""
        columns = []
        for variable in self.model.conditions.variables:
            column = given[variable.name].float()
            columns.append(column.masked_fill(column < 0, torch.nan) if variable.classes else column)
        first = next(iter(given.values()))
        rows = torch.stack(columns, 1) if columns else first.flatten(1)[:, :0].float()
        return self.model.conditions(rows)

    def decoded(self, z: Tensor, y: Tensor) -> Tensor:
        """Images at latent vectors in standard coordinates."""
        images: Tensor = self.model.likelihood(self.model.prior.from_standard(z, y), y).mean
        return self.rounded(images)

    def rounded(self, images: Tensor) -> Tensor:
        """Floats from 0 to 1 as images of the type that the graph has."""
        return (images * 255).round().to(torch.uint8) if self.integers else images


class Decode(Graph):
    name = "decode"
    text = "Latent vectors z and conditions to images. With z drawn from N(0, I), it draws from the prior."
    outputs = ("images",)

    def own_inputs(self, count: int) -> Tensors:
        return {"z": torch.randn(count, self.model.config.latent)}

    def forward(self, given: Tensors) -> tuple[Tensor, ...]:
        return (self.decoded(given["z"], self.condition_vectors(given)),)


class Encode(Graph):
    name = "encode"
    text = "Images and conditions to the mean and the standard deviation of q(z|x,y)."
    outputs = ("mean", "stddev")

    def own_inputs(self, count: int) -> Tensors:
        return {"images": self.rounded(torch.rand(count, *self.model.schema.shape))}

    def forward(self, given: Tensors) -> tuple[Tensor, ...]:
        y = self.condition_vectors(given)
        images = given["images"].float() / 255 if self.integers else given["images"]
        moments: tuple[Tensor, Tensor] = self.model.prior.moments(self.model.posterior(images, y), y)
        return moments


class Vectors(Graph):
    """Latent vectors from a mixture.

    Args:
        model: the model, in evaluation mode, on the CPU.
        mixture: the mixture that latent vectors are drawn from.
        integers: whether images are uint8.
    """

    name = "vectors"
    text = (
        "Noise from N(0, I), numbers from 0 to below 1 and conditions to latent vectors from the mixture fitted to "
        "the codes of the training images."
    )
    outputs = ("z",)

    def __init__(self, model: CVAE, mixture: MixturePrior, integers: bool = False) -> None:
        super().__init__(model, integers)
        self.mixture = mixture
        self.limits = nn.Buffer(mixture.weights.double().cumsum(1).float()[:, :-1].clone())

    def own_inputs(self, count: int) -> Tensors:
        return {"noise": torch.randn(count, self.model.config.latent), "uniform": torch.rand(count)}

    def forward(self, given: Tensors) -> tuple[Tensor, ...]:
        return (self.drawn(given),)

    def drawn(self, given: Tensors) -> Tensor:
        """Latent vectors from the mixture."""
        row = self.mixture.rows(self.condition_vectors(given))
        component = (given["uniform"].unsqueeze(1) >= self.limits[row]).sum(1)
        noise = (self.mixture.scales[row, component] @ given["noise"].unsqueeze(2)).squeeze(2)
        found: Tensor = self.mixture.means[row, component] + noise
        return found


class Draw(Vectors):
    name = "draw"
    text = "Noise from N(0, I), numbers from 0 to below 1 and conditions to images, with z from the fitted mixture."
    outputs = ("images",)

    def forward(self, given: Tensors) -> tuple[Tensor, ...]:
        return (self.decoded(self.drawn(given), self.condition_vectors(given)),)


class Condition(Graph):
    name = "condition"
    text = "Conditions to condition vectors y."
    outputs = ("y",)

    def own_inputs(self, count: int) -> Tensors:
        return {}

    def forward(self, given: Tensors) -> tuple[Tensor, ...]:
        return (self.condition_vectors(given),)


class Blend(Graph):
    name = "blend"
    text = (
        "Latent vectors z and condition vectors y to images. A y between those of two labels draws an image in between."
    )
    outputs = ("images",)
    conditional = False

    def own_inputs(self, count: int) -> Tensors:
        y = torch.rand(count, self.model.conditions.width)
        return {"z": torch.randn(count, self.model.config.latent), "y": y / y.sum(1, keepdim=True).clamp(min=1)}

    def forward(self, given: Tensors) -> tuple[Tensor, ...]:
        return (self.decoded(given["z"], given["y"]),)


def graphs_of(model: CVAE, mixture: MixturePrior | None, integers: bool = False) -> list[Graph]:
    """What is exported of a model.

    There is nothing to draw from the mixture if there is no mixture, and nothing to blend if there are no conditions.

    Raises:
        ConfigError: a condition has the name of another input or output.
    """
    for variable in model.conditions.variables:
        if variable.name in RESERVED:
            raise ConfigError(
                f"The condition '{variable.name}' has the name of another input or output of an exported graph. Train "
                f"with another name for it than {', '.join(RESERVED)}."
            )
    found: list[Graph] = [Decode(model, integers), Encode(model, integers)]
    found += [] if mixture is None else [Draw(model, mixture, integers)]
    return found + ([Condition(model), Blend(model, integers)] if model.conditions.variables else [])
