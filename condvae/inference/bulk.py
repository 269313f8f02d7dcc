"""Any number of images to files, and from files to latent vectors: shard by shard, in constant memory."""

import hashlib
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from condvae.errors import InputError, listed
from condvae.files import sha256, storing, write_bytes
from condvae.images import contact_sheet, png, read_image
from condvae.inference.batched import BLOCK, MIXTURE, MODEL_PRIOR, encode_moments
from condvae.inference.drawing import Drawing
from condvae.inference.formats import FORMATS, Arrays
from condvae.inference.inputs import Attributes
from condvae.inference.mixture import load_mixture
from condvae.inference.pictures import CONTACT_SHEET, Archive, Folder, image_names
from condvae.inference.shards import Job
from condvae.inference.tensors import conditions_of
from condvae.model.cvae import CVAE
from condvae.model.saving import load
from condvae.run import Run

SHARD_BYTES = 8 * 2**20


def generate_files(
    run: Run | Path | str,
    out: Path,
    label: Sequence[str] | None,
    *,
    attributes: Attributes | None = None,
    count: int = 1,
    z: ArrayLike | None = None,
    pair: bool = False,
    sample: bool = False,
    seed: int = 0,
    prior: str = MODEL_PRIOR,
    device: torch.device | str = "cpu",
) -> int:
    """Draw images into files. They are those of `generate` with the same arguments.

    A call that was interrupted continues when it is made again.

    Args:
        run: the folder of a finished run, or "pretrained".
        out: a folder for a contact sheet and a folder of PNG files for each label, or a path ending in .npz, .tar or
            .parquet for files with many images, their labels and their z, which are numbered if there are several.
        label: class names or numbers. None for a model without labels, or to leave the label out.
        attributes: as in `generate`, but one value each.
        count, z, pair, sample, seed: as in `generate`.
        prior: "prior", or "mixture" for the mixture in the run folder.
        device: the device to compute on.

    Returns:
        The number of images.

    Raises:
        InputError: an argument is not possible.
        RunError: the run cannot be used, or has no mixture.
        StorageError: `out` holds something else, or cannot be written.
    """
    run = Run.find(run)
    model = load(run.path).to(device)
    source = load_mixture(run.path) if prior == MIXTURE else prior
    drawing = Drawing(
        model, label, attributes=attributes, z=z, count=count, pair=pair, sample=sample, seed=seed, prior=source
    )
    rows = drawing.rows
    names = [""] * len(rows) if label is None else [model.conditions.classes[int(row)] for row in rows[:, 0]]
    if out.suffix not in FORMATS:
        _require_folder_names(names, pair)
    settings = {**_settings(run, drawing, names), **({"attributes": dict(attributes)} if attributes else {})}
    job = Job(out, settings, drawing.total, _shard(model), "Drawing images")

    def drawn(start: int, stop: int) -> Arrays:
        pixels, vectors = drawing.piece(start, stop)
        labels = np.array(names)[np.arange(start, stop) // drawing.each]
        return {"images": pixels, "labels": labels, "z": vectors.numpy()}

    job.do(drawn, job.write_archive if job.is_archive else _FolderWriter(out, drawing.each).write)
    if not job.is_archive:
        _write_sheet(out, names, model.schema.shape)
    return job.total


def encode_files(
    run: Run | Path | str,
    images: Path,
    out: Path,
    label: str | None = None,
    attributes: Attributes | None = None,
    device: torch.device | str = "cpu",
) -> int:
    """Encode the images of a folder or an archive. A call that was interrupted continues when it is made again.

    Args:
        run: the folder of a finished run, or "pretrained".
        images: what `generate_files` writes: a folder of images, with a folder for each label in it if the model has
            labels; or a path ending in .npz, .tar or .parquet, of one file or of numbered files.
        out: a path ending in .npz or .parquet for the arrays `mean` and `stddev` of q(z|x,y), float32 (B, Z) each,
            `labels`, and `files` (names, or numbers in an archive), in numbered files if there are several shards.
        label: the label of all images, if the files do not say it.
        attributes: the other conditions of the model by name, one value each. What is left out and can be measured of
            images is measured.
        device: the device to compute on.

    Returns:
        The number of images.

    Raises:
        InputError: there are no images, one cannot be read or has another shape, or a label is missing or unknown.
        RunError: the run cannot be used.
        StorageError: `out` holds something else, or cannot be written.
    """
    run = Run.find(run)
    model = load(run.path).to(device)
    possible = [ending for ending, one in FORMATS.items() if not one.needs_images]
    if out.suffix not in possible:
        raise InputError(f"--out must end in {' or '.join(possible)}, the formats of latent vectors, got {out}.")
    source = Archive(images) if images.suffix in FORMATS else Folder(images, run.resize)
    settings = {
        "weights": sha256(run.weights),
        "source": str(images.absolute()),
        "files": hashlib.sha256("\n".join(source.files).encode()).hexdigest(),
        "label": label,
        **({"attributes": dict(attributes)} if attributes else {}),
    }
    job = Job(out, settings, len(source), _shard(model), "Encoding images")

    def encoded(start: int, stop: int) -> Arrays:
        piece = source.read(start, stop, model.schema.shape)
        named = [label] * len(piece.files) if label is not None else piece.labels
        pixels = torch.from_numpy(piece.images)
        rows = conditions_of(model, pixels, named if model.conditions.classes else None, attributes)
        mean, stddev = encode_moments(model, pixels, rows)
        codes = {"mean": mean.numpy(), "stddev": stddev.numpy(), "files": np.array(piece.files)}
        return codes if named is None else {**codes, "labels": np.array(named)}

    job.do(encoded, job.write_archive)
    return job.total


class _FolderWriter:
    """Writes PNG files into a folder for each label, numbered from 0."""

    def __init__(self, out: Path, each: int) -> None:
        self.out, self.each, self.digits = out, each, max(5, len(str(each - 1)))

    def write(self, start: int, arrays: Arrays) -> None:
        for number, (name, image) in enumerate(zip(arrays["labels"].tolist(), arrays["images"], strict=True), start):
            path = self.out / name / f"{number % self.each:0{self.digits}d}.png"
            with storing(path):
                path.write_bytes(png(image))


def _settings(run: Run, drawing: Drawing, names: list[str]) -> dict[str, Any]:
    """Everything that decides the images."""
    return {
        "weights": sha256(run.weights),
        "labels": names,
        "images of each label": drawing.each,
        "z": None if drawing.vectors is None else drawing.vectors.tolist(),
        "seed": drawing.seed,
        **({"pair": True} if drawing.pair else {}),
        **({"sample": True} if drawing.sample else {}),
        **({"mixture": sha256(run.mixture)} if drawing.prior != MODEL_PRIOR else {}),
    }


def _require_folder_names(names: Sequence[str], pair: bool) -> None:
    """Refuse labels that cannot be folders beside each other, on any operating system."""
    if pair and len(names) > len(set(names)):
        raise InputError(
            f"--pair draws a label several times, which have no folder each. Let --out end in {listed(FORMATS)}."
        )
    for number, name in enumerate(names):
        if name.casefold() in (other.casefold() for other in names[:number]):
            raise InputError(f"The label '{name}' is given twice. Name each label once; --count says how many images.")
        if set(name) & set('/\\:*?"<>|') or name != name.strip(". "):
            raise InputError(
                f"The label '{name}' cannot be the name of a folder. Write to a path ending in {listed(FORMATS)}."
            )


def _write_sheet(out: Path, names: Sequence[str], shape: tuple[int, int, int]) -> None:
    """A contact sheet of the first images of each label, with a row for each label if there are several."""
    each = 10 if len(names) > 1 else 100
    paths = [out / name / file for name in names for file in image_names(out / name)[:each]]
    columns = len(paths) // len(names) if len(names) > 1 else max(1, int(len(paths) ** 0.5))
    sheet = contact_sheet(np.stack([read_image(path, shape) for path in paths]), columns)
    write_bytes(out / CONTACT_SHEET, png(sheet, scale=2))


def _shard(model: CVAE) -> int:
    """Images of a shard: SHARD_BYTES of them, in whole blocks of latent vectors."""
    return max(1, SHARD_BYTES // prod(model.schema.shape) // BLOCK) * BLOCK
