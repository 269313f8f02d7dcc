"""A model from an ONNX file, with the operations of a trained model, in onnxruntime and without PyTorch."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import ArrayLike, NDArray

from condvae.config import Z_PRIORS, ModelConfig
from condvae.errors import ConfigError, InputError, RunError
from condvae.inference.inputs import (
    NOT_GIVEN,
    Attributes,
    Label,
    Rows,
    as_conditions,
    as_images,
    as_vectors,
    common_size,
    for_each,
    require_seed,
    stops_of_path,
    with_changes,
)
from condvae.inference.runtime import Runner, graph_names, part_of, runner, session_of
from condvae.plain import restored
from condvae.schema import Schema, Variables

Images = NDArray[np.uint8]
MODEL_PRIOR, MIXTURE = Z_PRIORS
CHUNK = 500  # images in one run of a graph
OUTPUTS = {
    "decode": ("images",),
    "encode": ("mean",),
    "draw": ("images",),
    "condition": ("y",),
    "blend": ("images",),
}


class ExportedModel:
    """A model from a file that `condvae export --to onnx` wrote.

    Its methods are the functions of condvae of the same names, with three differences. The same seed gives other images
    than in PyTorch. Images are means, not samples. Slant, thickness, ink and width are not measured of images: give
    them, or leave them out if the model has condition dropout.

    Args:
        path: the file.

    Attributes:
        schema: the shape of the images, and the names of classes and attributes.
        config: the parts of the model.
        named: the conditions, and which values they can have.
        metadata: what the file says of itself.
        whole: the content of the file.
        graphs: the names of its graphs. Each is made ready when it is first used.

    Raises:
        MissingExtraError: onnx or onnxruntime is not installed.
        RunError: the file is missing, damaged, or was not exported by condvae.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise RunError(f"There is no file {path}. Make one with 'condvae export RUN --to onnx --out {path}'.")
        try:
            self.whole = onnx.load_model(path)
        except DecodeError as error:
            raise RunError(f"{path} is damaged, or no ONNX file ({error}). Export the model again.") from error
        self.metadata = {entry.key: entry.value for entry in self.whole.metadata_props}
        try:
            self.schema = restored(Schema, json.loads(self.metadata["schema"]), "schema")
            self.config = restored(ModelConfig, json.loads(self.metadata["config"]), "config")
        except (KeyError, ValueError, TypeError, ConfigError) as error:
            raise RunError(
                f"{path} is no model that condvae exported into one file ({error!r}). Make one with 'condvae export'."
            ) from error
        self.named = Variables(self.config.conditions, self.schema, self.config.condition_dropout > 0)
        self.graphs = graph_names(self.whole)
        self._runners: dict[tuple[str, tuple[str, ...]], Runner] = {}
        if "decode" not in self.graphs:
            raise RunError(f"{path} holds one graph of several. Export the model into one file ending in .onnx.")

    def __repr__(self) -> str:
        channels, height, width = self.schema.shape
        classes = f", {len(self.named.classes)} classes" if self.named.classes else ""
        return f"ExportedModel({channels} x {height} x {width} pixels, {self.config.latent} latent dimensions{classes})"

    def generate(
        self,
        label: Label = None,
        *,
        attributes: Attributes | None = None,
        z: ArrayLike | None = None,
        count: int = 1,
        pair: bool = False,
        seed: int | None = None,
        prior: str = MODEL_PRIOR,
    ) -> Images:
        """Draw images: `count` images of each label, or each label at each latent vector z. See `condvae.generate`.

        Args:
            label: one label or several.
            attributes: the other conditions of the model by name.
            z: latent vectors, (Z,) or (V, Z). They are drawn if left out.
            count: the number of images of each label, if latent vectors are drawn.
            pair: pair labels and latent vectors one to one, instead of drawing all combinations.
            seed: makes the draw repeatable.
            prior: "prior", or "mixture" if the file has one.

        Returns:
            uint8 (L * count, C, H, W) or (L * V, C, H, W), all images of the first label first.

        Raises:
            InputError: an argument does not fit the model, or arguments do not fit each other.
        """
        require_seed(seed)
        rows = as_conditions(self, label, attributes)
        if z is not None:
            if count != 1 or prior != MODEL_PRIOR:
                raise InputError("z sets the latent vectors, and count and prior draw them. Give one of the two.")
            return self.decoded(*combined(rows, as_vectors(self, z), pair))
        if pair or count < 1:
            raise InputError(f"pair needs z, and count must be at least 1, got pair = {pair} and count = {count}.")
        if prior not in Z_PRIORS or (prior == MIXTURE and "draw" not in self.graphs):
            known = Z_PRIORS if "draw" in self.graphs else (MODEL_PRIOR,)
            raise InputError(f"prior must be one of {', '.join(known)} for this file, got '{prior}'.")
        generator, every = np.random.default_rng(seed), rows.repeat(count, 0)
        noise = generator.standard_normal((len(every), self.config.latent), dtype=np.float32)
        if prior == MODEL_PRIOR:
            return self.decoded(noise, every)
        uniform = generator.random(len(every), dtype=np.float32)
        return self._run("draw", every, noise=noise, uniform=uniform)

    def encode(self, images: ArrayLike, label: Label = None, *, attributes: Attributes | None = None) -> Rows:
        """Encode images: the latent vector of each is the mean of q(z|x,y), float32 (B, Z). See `condvae.encode`.

        Raises:
            InputError: images, labels or attributes do not fit the model.
        """
        x = as_images(self, images)
        return self._means(x, for_each(as_conditions(self, label, attributes), len(x)))

    def reconstruct(self, images: ArrayLike, label: Label = None, *, attributes: Attributes | None = None) -> Images:
        """Reconstruct images, uint8 (B, C, H, W). See `condvae.reconstruct`.

        Raises:
            InputError: images, labels or attributes do not fit the model.
        """
        return self.restyle(images, label, label, attributes=attributes)

    def restyle(
        self,
        images: ArrayLike,
        label: Label,
        new_label: Label,
        *,
        attributes: Attributes | None = None,
        new_attributes: Attributes | None = None,
    ) -> Images:
        """Change the conditions of images and keep their style, uint8 (B, C, H, W). See `condvae.restyle`.

        Raises:
            InputError: images, labels or attributes do not fit the model.
        """
        x = as_images(self, images)
        rows = for_each(as_conditions(self, label, attributes), len(x))
        return self.decoded(self._means(x, rows), with_changes(self, rows, new_label, new_attributes))

    def interpolate(
        self, label: Label, z: ArrayLike, *, attributes: Attributes | None = None, steps: int = 10
    ) -> Images:
        """Draw the images along a path, uint8 ((S - 1) * steps + 1, C, H, W). See `condvae.interpolate`.

        Raises:
            InputError: labels, attributes or z do not fit the model, or there is no path.
        """
        rows, vectors = as_conditions(self, label, attributes), as_vectors(self, z)
        stops = stops_of_path(len(rows), len(vectors), steps)
        if "blend" not in self.graphs:
            return self.decoded(_between(vectors, stops, steps), rows.repeat((stops - 1) * steps + 1, 0))
        (y,) = self._graph("condition")(self._conditions(rows))
        parts = zip(*(_parts(_between(one, stops, steps)) for one in (vectors, y)), strict=True)
        return np.concatenate([_pixels(*self._graph("blend")({"z": z, "y": y})) for z, y in parts])

    def posterior(self, images: ArrayLike, rows: Rows) -> tuple[Rows, Rows]:
        """Mean and standard deviation of q(z|x,y) of images under rows of conditions (B, D), float32 (B, Z) each."""
        x = as_images(self, images)
        mean, deviation = self._encoded(x, rows, ("mean", "stddev"))
        return mean, deviation

    def decoded(self, z: Rows, rows: Rows) -> Images:
        """The images at latent vectors (B, Z) under rows of conditions (B, D), uint8 (B, C, H, W)."""
        return self._run("decode", rows, z=z)

    def _means(self, x: NDArray[Any], rows: Rows) -> Rows:
        (found,) = self._encoded(x, rows, OUTPUTS["encode"])
        return found

    def _graph(self, name: str, outputs: Sequence[str] | None = None) -> Runner:
        key = name, tuple(outputs or OUTPUTS[name])
        if key not in self._runners:
            session = session_of(part_of(self.whole, name).SerializeToString())
            self._runners[key] = runner(session, key[1], f"{name}.")
        return self._runners[key]

    def _encoded(self, x: NDArray[Any], rows: Rows, outputs: Sequence[str]) -> list[Rows]:
        graph, found = self._graph("encode", outputs), []
        for images, given in zip(_parts(x), _parts(rows), strict=True):
            wanted = images if self.metadata["pixels"] == images.dtype.name else _converted(images)
            found.append(graph({"images": wanted, **self._conditions(given)}))
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]

    def _run(self, graph: str, rows: Rows, **inputs: Rows) -> Images:
        found = []
        for start in range(0, len(rows), CHUNK):
            part = {name: one[start : start + CHUNK] for name, one in inputs.items()}
            found.append(_pixels(*self._graph(graph)({**part, **self._conditions(rows[start : start + CHUNK])})))
        return np.concatenate(found)

    def _conditions(self, rows: Rows) -> dict[str, NDArray[Any]]:
        """Rows (B, D) as the inputs of a graph."""
        found: dict[str, NDArray[Any]] = {}
        for variable, column in zip(self.named.variables, rows.T, strict=True):
            numbers = np.nan_to_num(column, nan=NOT_GIVEN).astype(np.int64)
            found[variable.name] = numbers if variable.classes else np.ascontiguousarray(column)
        return found


def combined(rows: Rows, vectors: Rows, pair: bool) -> tuple[Rows, Rows]:
    """Latent vectors and conditions, each with each, or one to one."""
    if pair:
        size = common_size({"labels": len(rows), "latent vectors z": len(vectors)})
        return for_each(vectors, size), for_each(rows, size)
    return np.tile(vectors, (len(rows), 1)), rows.repeat(len(vectors), 0)


def _between(stops_of: Rows, stops: int, steps: int) -> Rows:
    """Vectors on the lines between stops, ((S - 1) * steps + 1, Z)."""
    every = for_each(stops_of, stops)
    parts = np.arange((stops - 1) * steps + 1, dtype=np.float32) / steps
    before = np.minimum(parts.astype(int), stops - 2)
    share = (parts - before).astype(np.float32)[:, None]
    found: Rows = every[before] + share * (every[before + 1] - every[before])
    return found


def _parts(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))


def _pixels(images: NDArray[Any]) -> Images:
    found: Images = images if images.dtype == np.uint8 else np.rint(images * 255).astype(np.uint8)
    return found


def _converted(images: NDArray[Any]) -> NDArray[Any]:
    """uint8 images as floats in [0, 1], or the other way round."""
    return images.astype(np.float32) / np.float32(255) if images.dtype == np.uint8 else _pixels(images)
