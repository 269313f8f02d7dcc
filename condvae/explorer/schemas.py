"""The requests of the HTTP interface, which pydantic checks, and images as JSON, PNG or raw bytes."""

import json
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from fastapi import Response
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from condvae.config import Z_PRIORS
from condvae.explorer.limits import GRIDS, LIMITS
from condvae.images import contact_sheet, png

MAX_HEADER = 8000  # characters of a header that all clients accept
ROW = 10  # images beside each other on a contact sheet
JSON = "application/json"


def one_of(names: Sequence[str]) -> dict[str, Any]:
    """What pydantic must know of text that is one of some names."""
    return {"pattern": f"^({'|'.join(names)})$", "json_schema_extra": {"enum": list(names)}}


Number = Annotated[float, Field(ge=-LIMITS.max_value, le=LIMITS.max_value, allow_inf_nan=False)]
Vector = Annotated[list[Number], Field(min_length=1)]
Name = Annotated[str, Field(max_length=LIMITS.max_name)]
OneLabel = Name | Annotated[int, Field(ge=0, lt=2**31)]
Labels = Annotated[list[OneLabel], Field(min_length=1)]
Attributes = dict[Name, Number | Name]
Seed = Annotated[int, Field(ge=0, le=LIMITS.max_seed)]
Prior = Annotated[str, Field(**one_of(Z_PRIORS))]
Grid = Annotated[str, Field(**one_of(GRIDS))]
Format = Literal["json", "png", "raw"]


class Body(BaseModel):
    """The base of all requests. Unknown keys are refused.

    Attributes:
        renamed: keys of earlier versions, and the keys that are used now.
    """

    model_config = ConfigDict(extra="forbid")
    renamed: ClassVar[Mapping[str, str]] = {"labels": "label", "source": "prior"}

    @model_validator(mode="before")
    @classmethod
    def _has_no_old_keys(cls, given: Any) -> Any:
        for old in cls.renamed.keys() & given if isinstance(given, dict) else ():
            raise ValueError(f"'{old}' is called '{cls.renamed[old]}' now")
        return given


class Conditions(Body):
    """The conditions of images."""

    label: OneLabel | Labels | None = Field(
        default=None,
        examples=["3"],
        description="one label or several, by name or number; none for a model without labels",
    )
    attributes: Attributes = Field(
        default={},
        description="the model's other conditions by name; those left out are hidden if the model allows it, and "
        "otherwise have the typical value",
    )


class Decode(Conditions):
    """Each label at each latent vector."""

    z: Vector | Annotated[list[Vector], Field(min_length=1)] = Field(
        examples=[[0.5, -1.0]], description="one latent vector or several"
    )
    pair: bool = Field(default=False, description="pair labels and latent vectors one to one, instead of crossing them")


class Generate(Conditions):
    """Images at latent vectors that are drawn at random."""

    count: int = Field(default=1, ge=1, description="images of each label")
    seed: Seed | None = Field(default=None, description="makes the draw repeatable")
    sample: bool = Field(default=False, description="draw the pixels from p(x|z,y), instead of taking its mean")
    prior: Prior = Field(default=Z_PRIORS[0], description="where z is drawn from")


class Encode(Body):
    """An image."""

    image: str = Field(description="an image file as base64 text or as a data URL")
    label: OneLabel | None = Field(default=None, description="the label of the image; detected if left out")
    attributes: Attributes = Field(
        default={},
        description="the other conditions of the image; those left out are measured, or have the typical value",
    )
    prepare: bool = Field(default=True, description="first make the image like the training images")


class Restyle(Encode):
    """An image, and the labels that it gets."""

    renamed = {"labels": "new_label"}
    new_label: OneLabel | Labels | None = Field(default=None, description="one label or several; all if left out")


class Overlay(Body):
    """A heat map over a plane of the latent space."""

    measure: Name = Field(examples=["slant"])
    plane: Name = Field(default="", description="as in /plane")
    label: OneLabel | None = None
    attributes: Attributes = {}
    z: Vector = Field(description="a latent vector, whose other coordinates the plane keeps", examples=[[0.5, -1.0]])
    extent: float = Field(
        default=LIMITS.extent, gt=0, le=LIMITS.max_value, description="the plane goes from -extent to extent"
    )
    side: int = Field(default=LIMITS.side, ge=2, le=LIMITS.max_side, description="points on each axis")


class Nearest(Body):
    """A generated image, whose nearest training images are looked up."""

    label: OneLabel | None = None
    attributes: Attributes = {}
    z: Vector = Field(examples=[[0.5, -1.0]])
    count: int = Field(default=LIMITS.neighbours, ge=1, le=LIMITS.max_neighbours)


class Stop(Body):
    """A stop on a path."""

    label: OneLabel | None = None
    attributes: Attributes = {}
    z: Vector


class Way(Body):
    """A path through the latent space or between labels."""

    path: list[Stop] = Field(min_length=2)
    steps: int = Field(default=20, ge=1, le=LIMITS.max_steps, description="steps from one stop to the next")


class Film(Way):
    """An animation along a path."""

    rate: int = Field(default=15, ge=1, le=LIMITS.max_rate, description="images per second")


class State(BaseModel):
    """What the page shows at first. What differs from it is the part of its address after the #."""

    label: OneLabel | None = None
    other: OneLabel | None = Field(default=None, description="the second label of the view 'compare'")
    attributes: Attributes = {}
    z: Vector
    seed: Seed = Field(default=0, description="the seed of the last draw of z")
    plane: Name = Field(default="", description="as in /plane")
    overlay: Name = Field(default="", description="the measure of the heat map; empty for none")
    grid: Grid = Field(default=GRIDS[0], description="as in /grid")
    line: list[Vector] = Field(default=[], description="none, or the two ends of a line on the plane")
    first: str = Field(default="", description="the first prepared image of the view 'restyle', as base64 text")
    second: str = Field(default="", description="the second one")
    first_label: OneLabel | None = Field(default=None, description="the label of the first image")
    second_label: OneLabel | None = Field(default=None, description="the label of the second image")
    path: list[Stop] = []
    steps: int = Film.model_fields["steps"].default
    rate: int = Film.model_fields["rate"].default


def images_as(images: NDArray[np.uint8], wanted: Format, about: Mapping[str, Any]) -> Response:
    """Images as the body of a response.

    Args:
        images: uint8 (B, C, H, W).
        wanted: "json" for lists of numbers, "png" for one contact sheet, or "raw" for the bytes themselves, with the
            shape in the header X-Shape.
        about: further values. They are in the JSON beside the images, and otherwise as JSON in the header X-About, if
            it is short enough for a header.
    """
    if wanted == "json":
        return Response(as_json({"shape": images.shape, "images": images.tolist(), **about}), media_type=JSON)
    headers = {"X-Shape": ",".join(map(str, images.shape))}
    if len(text := as_json(about)) <= MAX_HEADER:
        headers["X-About"] = text
    if wanted == "raw":
        return Response(images.tobytes(), media_type="application/octet-stream", headers=headers)
    columns = len(images) if len(images) <= ROW else ceil(len(images) ** 0.5)
    return Response(png(contact_sheet(images, columns)), media_type="image/png", headers=headers)


def as_json(value: Any) -> str:
    """JSON in ASCII without spaces, which may be used in a header."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
