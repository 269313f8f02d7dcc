"""Any number of images to files, and from files to latent vectors: shard by shard, in constant memory."""

import hashlib
from collections.abc import Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from condvae.errors import InputError, listed
from condvae.images import contact_sheet, png, read_image
from condvae.inference.batched import BLOCK, MIXTURE, MODEL_PRIOR, encode_moments
from condvae.inference.drawing import Drawing
from condvae.inference.formats import FORMATS, Arrays
from condvae.inference.inputs import Attributes
from condvae.inference.mixture import load_mixture
from condvae.inference.pictures import CONTACT_SHEET, Archive, Folder, image_names
from condvae.inference.shards import Files, Job, Workers
from condvae.inference.tensors import conditions_of
from condvae.inference.written import ArchiveFiles, PictureFiles
from condvae.model.cvae import CVAE
from condvae.model.devices import find_device
from condvae.model.saving import load
from condvae.run import Run
from condvae.storage.files import sha256
from condvae.storage.place import Place
from condvae.storage.places import place

SHARD_BYTES = 8 * 2**20


def generate_files(
    run: Run | Path | str,
    out: Place | Path | str,
    label: Sequence[str] | None,
    *,
    attributes: Attributes | None = None,
    count: int = 1,
    z: ArrayLike | None = None,
    pair: bool = False,
    sample: bool = False,
    seed: int = 0,
    prior: str = MODEL_PRIOR,
    device: str = "cpu",
    workers: Workers | None = None,
) -> int:
    """Draw images into files. They are those of `generate` with the same arguments.

    A call that was interrupted continues when it is made again. It may be made on other machines.

    Args:
        run: the folder of a finished run, or "pretrained".
        out: a folder for a contact sheet and a folder of PNG files for each label, or a path ending in .npz, .tar or
            .parquet for files with many images, their labels and their z, which are numbered if there are several; or
            the same in object storage, such as s3://BUCKET/NAME.
        label: class names or numbers. None for a model without labels, or to leave the label out.
        attributes: as in `generate`, but one value each.
        count, z, pair, sample, seed: as in `generate`.
        prior: "prior", or "mixture" for the mixture in the run folder.
        device: the device to compute on, by its name.
        workers: who draws the images. This process if left out; see `condvae.cluster.bulk`.

    Returns:
        The number of images.

    Raises:
        ConfigError: there is no such device.
        InputError: an argument is not possible.
        RunError: the run cannot be used, or has no mixture.
        StorageError: `out` holds something else, or cannot be written.
    """
    run, out = Run.find(run), place(out)
    model = load(run.path)
    source = load_mixture(run.path) if prior == MIXTURE else prior
    drawing = Drawing(
        model, label, attributes=attributes, z=z, count=count, pair=pair, sample=sample, seed=seed, prior=source
    )
    names = [""] * len(drawing.rows) if label is None else _names(drawing)
    shard, is_archive = _shard(model), out.suffix in FORMATS
    if not is_archive:
        _require_folder_names(names, pair)
    files: Files = ArchiveFiles(out, drawing.total, shard) if is_archive else PictureFiles(out, names, drawing.each)
    job = Job(files, _settings(run, drawing, names, attributes), drawing.total, shard, "Drawing images")
    job.do(partial(_drawn, drawing, names, device), workers)
    if not is_archive:
        _write_sheet(out, names, model.schema.shape)
    return drawing.total


def encode_files(
    run: Run | Path | str,
    images: Place | Path | str,
    out: Place | Path | str,
    label: str | None = None,
    attributes: Attributes | None = None,
    device: str = "cpu",
    workers: Workers | None = None,
) -> int:
    """Encode the images of a folder or an archive.

    A call that was interrupted continues when it is made again. It may be made on other machines.

    Args:
        run: the folder of a finished run, or "pretrained".
        images: what `generate_files` writes: a folder of images, with a folder for each label in it if the model has
            labels; or a path ending in .npz, .tar or .parquet, of one file or of numbered files. It may be in object
            storage.
        out: a path ending in .npz or .parquet for the arrays `mean` and `stddev` of q(z|x,y), float32 (B, Z) each,
            `labels`, and `files` (names, or numbers in an archive), in numbered files if there are several shards. It
            may be in object storage.
        label: the label of all images, if the files do not say it.
        attributes: the other conditions of the model by name, one value each. What is left out and can be measured of
            images is measured.
        device: the device to compute on, by its name.
        workers: who encodes the images. This process if left out; see `condvae.cluster.bulk`.

    Returns:
        The number of images.

    Raises:
        ConfigError: there is no such device.
        InputError: there are no images, one cannot be read or has another shape, or a label is missing or unknown.
        RunError: the run cannot be used.
        StorageError: `out` holds something else, or cannot be written.
    """
    run, images, out = Run.find(run), place(images), place(out)
    model = load(run.path)
    possible = [ending for ending, one in FORMATS.items() if not one.needs_images]
    if out.suffix not in possible:
        raise InputError(f"--out must end in {' or '.join(possible)}, the formats of latent vectors, got {out}.")
    source = Archive(images) if images.suffix in FORMATS else Folder(images, run.resize)
    settings = {
        "weights": sha256(run.weights),
        "source": images.address,
        "files": hashlib.sha256("\n".join(source.files).encode()).hexdigest(),
        "label": label,
        **({"attributes": dict(attributes)} if attributes else {}),
    }
    shard = _shard(model)
    files = ArchiveFiles(out, len(source), shard)
    make = partial(_encoded, model, source, label, attributes, device)
    Job(files, settings, len(source), shard, "Encoding images").do(make, workers)
    return len(source)


def _drawn(drawing: Drawing, names: Sequence[str], device: str, start: int, stop: int) -> Arrays:
    """A shard of drawn images, with their labels and their latent vectors."""
    drawing.model.to(find_device(device))
    pixels, vectors = drawing.piece(start, stop)
    labels = np.array(names)[np.arange(start, stop) // drawing.each]
    return {"images": pixels, "labels": labels, "z": vectors.numpy()}


def _encoded(
    model: CVAE,
    source: Archive | Folder,
    label: str | None,
    attributes: Attributes | None,
    device: str,
    start: int,
    stop: int,
) -> Arrays:
    """A shard of latent vectors, with the labels and the names of their images."""
    model.to(find_device(device))
    piece = source.read(start, stop, model.schema.shape)
    named = [label] * len(piece.files) if label is not None else piece.labels
    pixels = torch.from_numpy(piece.images)
    rows = conditions_of(model, pixels, named if model.conditions.classes else None, attributes)
    mean, stddev = encode_moments(model, pixels, rows)
    codes = {"mean": mean.numpy(), "stddev": stddev.numpy(), "files": np.array(piece.files)}
    return codes if named is None else {**codes, "labels": np.array(named)}


def _names(drawing: Drawing) -> list[str]:
    """The name of each label."""
    return [drawing.model.conditions.classes[int(row)] for row in drawing.rows[:, 0]]


def _settings(run: Run, drawing: Drawing, names: list[str], attributes: Attributes | None) -> dict[str, Any]:
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
        **({"attributes": dict(attributes)} if attributes else {}),
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


def _write_sheet(out: Place, names: Sequence[str], shape: tuple[int, int, int]) -> None:
    """A contact sheet of the first images of each label, with a row for each label if there are several."""
    each = 10 if len(names) > 1 else 100
    paths = [out / name / file for name in names for file in image_names(out / name)[:each]]
    columns = len(paths) // len(names) if len(names) > 1 else max(1, int(len(paths) ** 0.5))
    sheet = contact_sheet(np.stack([read_image(path, shape) for path in paths]), columns)
    (out / CONTACT_SHEET).write(png(sheet, scale=2))


def _shard(model: CVAE) -> int:
    """Images of a shard: SHARD_BYTES of them, in whole blocks of latent vectors."""
    return max(1, SHARD_BYTES // prod(model.schema.shape) // BLOCK) * BLOCK
