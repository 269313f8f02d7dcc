"""What goes over the HTTP interface: requests that pydantic checks, and images as JSON, PNG or raw bytes."""

import json
from collections.abc import Mapping
from math import ceil
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import Response
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator

from condvae.images import contact_sheet, png

LARGE = 1e6  # of a latent vector or an attribute, beyond which an image means nothing


LONG = 200  # characters of a name


LONG_HEADER = 8000  # characters of a header, which all clients take


IN_A_ROW = 10  # images on a contact sheet


Number = Annotated[float, Field(ge=-LARGE, le=LARGE, allow_inf_nan=False)]


Vector = Annotated[list[Number], Field(min_length=1)]


Name = Annotated[str, Field(max_length=LONG)]


Label = Name | Annotated[int, Field(ge=0, lt=2**31)]


Attributes = dict[Name, Number | Name]


Seed = Annotated[int, Field(ge=0, lt=2**32)]


Format = Literal["json", "png", "raw"]


View = Literal["generate", "plane", "compare", "restyle", "animate", "evidence"]


class Body(BaseModel):
    """What all requests share: names that are not known are refused."""

    model_config = ConfigDict(extra="forbid")


class Conditions(Body):
    """The conditions of images."""

    labels: Label | Annotated[list[Label], Field(min_length=1)] | None = Field(
        None, examples=["3"], description="name or number, one or one for each image; none for a model without labels"
    )
    attributes: Attributes = Field(
        {},
        description="the model's other conditions, by name; if left out, hidden where they can be, typical otherwise",
    )


class Decode(Conditions):
    """One label for all latent vectors, one vector for all labels, or as many of each."""

    z: Vector | Annotated[list[Vector], Field(min_length=1)] = Field(examples=[[0.5, -1.0]])


class Generate(Conditions):
    """Images in styles that are drawn at random."""

    count: int = Field(1, ge=1, description="images of each label")
    seed: Seed | None = Field(None, description="makes the draw repeatable")
    source: Literal["prior", "mixture"] = Field("prior", description="where z is drawn from")


class Encode(Body):
    """An image."""

    image: str = Field(description="an image file as base64 text, or as a data URL")
    label: Label | None = Field(None, description="what the image shows; found out if left out")
    attributes: Attributes = Field({}, description="the image's other conditions; what can be measured is, if left out")
    prepare: bool = Field(True, description="whether to make it like the training images first")


class Restyle(Encode):
    """An image whose style other labels shall get."""

    labels: Annotated[list[Label], Field(min_length=1)] | None = Field(None, description="all if left out")


class Overlay(Body):
    """A heat map over a plane of the latent space."""

    measure: Name = Field(examples=["slant"])
    plane: Name = Field("", description="as in /plane")
    label: Label | None = None
    attributes: Attributes = {}
    z: Vector = Field(description="whose other coordinates the plane keeps", examples=[[0.5, -1.0]])
    extent: float = Field(4.0, gt=0, le=LARGE, description="the plane from -extent to extent")
    side: int = Field(31, ge=2, le=64, description="points on each axis")


class Nearest(Body):
    """One image of the model, whose nearest training images are asked for."""

    label: Label | None = None
    attributes: Attributes = {}
    z: Vector = Field(examples=[[0.5, -1.0]])
    count: int = Field(8, ge=1, le=50)


class Stop(Body):
    """A place on a path."""

    label: Label | None = None
    attributes: Attributes = {}
    z: Vector


class Path(Body):
    """A path through the latent space, or between labels."""

    path: list[Stop] = Field(min_length=2)
    steps: int = Field(20, ge=1, le=120, description="images from one stop to the next")
    rate: int = Field(15, ge=1, le=50, description="images a second")


class State(Body):
    """What the page shows: the part of its address behind the #."""

    label: Label | None = None
    other: Label | None = Field(None, description="the second label of view compare")
    attributes: Attributes = {}
    z: Vector
    seed: Seed = Field(0, description="that z was drawn with last")
    plane: Name = ""
    overlay: Name = ""
    grid: Literal["figure", "grid", "draws"] = "figure"
    line: list[Vector] = Field([], max_length=2, description="none, or the two ends of a line on the plane")
    first: str = Field("", description="a prepared image of view restyle, as base64 text")
    second: str = Field("", description="the other one")
    shows: Label | None = Field(None, description="what the first image shows")
    second_shows: Label | None = Field(None, description="what the other one shows")
    path: list[Stop] = []
    steps: int = Field(20, ge=1, le=120)
    rate: int = Field(15, ge=1, le=50)

    @field_validator("line")
    @classmethod
    def _has_two_ends(cls, line: list[Vector]) -> list[Vector]:
        if len(line) == 1:
            raise ValueError("a line has two ends, this one has 1; allowed: none, or two latent vectors")
        return line


def images_as(images: NDArray[np.uint8], wanted: Format, about: Mapping[str, Any]) -> Response:
    """Images, uint8 (B, C, H, W), as the body of a response.

    Args:
        images: the images.
        wanted: json for lists of numbers; png for one contact sheet; raw for the bytes themselves, with the shape in
            the header X-Shape.
        about: what else there is to say: beside the images in the JSON, otherwise as JSON in the header X-About, which
            is left out where it would be too long for one.
    """
    if wanted == "json":
        return Response(as_json({"shape": images.shape, "images": images.tolist(), **about}), media_type=JSON)
    headers = {"X-Shape": ",".join(map(str, images.shape))}
    if len(said := as_json(about)) <= LONG_HEADER:
        headers["X-About"] = said
    if wanted == "raw":
        return Response(images.tobytes(), media_type="application/octet-stream", headers=headers)
    columns = len(images) if len(images) <= IN_A_ROW else ceil(len(images) ** 0.5)
    return Response(png(contact_sheet(images, columns)), media_type="image/png", headers=headers)


def as_json(value: Any) -> str:
    """JSON in ASCII, without spaces, as it may stand in a header."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


JSON = "application/json"
