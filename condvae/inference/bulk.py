"""A model at work on a million images: to files and from files, shard by shard, in constant memory."""

import hashlib
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike

from condvae.errors import InputError
from condvae.files import sha256, storing, write_bytes
from condvae.images import contact_sheet, png, read_image
from condvae.inference.batched import BLOCK, draw, draw_pixels, encode_moments
from condvae.inference.inputs import Attributes, as_conditions, as_vectors, conditions_of
from condvae.inference.mixture import load_mixture
from condvae.inference.pictures import CONTACT_SHEET, Archive, Arrays, Folder, image_names
from condvae.inference.shards import Job
from condvae.model.cvae import CVAE
from condvae.model.saving import load
from condvae.run import Run

SHARD_BYTES = 8 * 2**20


def generate_files(
    run: Path,
    out: Path,
    labels: Sequence[str] | None,
    *,
    attributes: Attributes | None = None,
    count: int = 1,
    z: ArrayLike | None = None,
    seed: int = 0,
    mixture: bool = False,
) -> int:
    """Draw images of each label into files; what an interrupted call has written is not drawn again.

    Args:
        run: the folder of a finished run.
        out: a folder for PNG files, with a folder for each label in it, and a contact sheet; or a path ending in .npz
            for the arrays `images`, `labels` and `z`, in numbered files where there is more than one shard.
        labels: class names or numbers; None for a model without labels, or trained to do without.
        attributes: the model's other conditions by name, one value each.
        count: images of each label, with z drawn from the prior.
        z: latent vectors (B, Z), to draw each label at each of them instead.
        seed: decides the draw of z; the images are those of `generate` with this seed.
        mixture: draw z from the mixture fitted to the model's codes, not from its own prior.

    Returns:
        How many images there are.

    Raises:
        InputError: a label, an attribute, z or the seed is not possible.
        RunError: the run cannot be used, or has no mixture.
        StorageError: `out` holds something else, or cannot be written.
    """
    model = load(run)
    prior = load_mixture(run) if mixture else None
    chosen = as_conditions(model, labels, attributes)
    vectors = None if z is None else as_vectors(model, z)
    draw(model, chosen[:1], seed, prior=prior)  # refuses an impossible seed before anything is written
    each = count if vectors is None else len(vectors)
    names = [""] if labels is None else [model.conditions.classes[int(label)] for label in chosen[:, 0]]
    if out.suffix != ".npz":
        _require_folder_names(names)
    settings = {
        "weights": sha256(Run(run).weights),
        "labels": names,
        "images of each label": each,
        "z": None if vectors is None else vectors.tolist(),
        "seed": seed,
    }
    if attributes:
        settings["attributes"] = dict(attributes)
    if mixture:
        settings["mixture"] = sha256(Run(run).mixture)
    job = Job(out, settings, each * len(names), _shard(model))

    def drawn(start: int, stop: int) -> Arrays:
        index = torch.arange(start, stop)
        own = chosen[index // each]
        codes = draw(model, own, seed, start, prior) if vectors is None else vectors[index % each]
        shown = np.array(names)[(index // each).numpy()]
        return {"images": draw_pixels(model, codes, own), "labels": shown, "z": codes.numpy()}

    def write_folder(start: int, arrays: Arrays) -> None:
        digits = max(5, len(str(each - 1)))
        for number, (name, image) in enumerate(zip(arrays["labels"].tolist(), arrays["images"], strict=True), start):
            path = out / name / f"{number % each:0{digits}d}.png"
            with storing(path):
                path.write_bytes(png(image))

    if job.is_archive:
        job.do(drawn, job.write_archive)
    else:
        job.do(drawn, write_folder)
        _write_sheet(out, names, model.schema.shape)
    return job.total


def encode_files(
    run: Path, source: Path, out: Path, label: str | None = None, attributes: Attributes | None = None
) -> int:
    """Encode the images of a folder or an archive; what an interrupted call has written is not encoded again.

    Args:
        run: the folder of a finished run.
        source: what `generate_files` writes: a folder of images, with a folder for each label in it where the model has
            labels; or a path ending in .npz with the arrays `images` and `labels`, in numbered files where there are
            such.
        out: a path ending in .npz for the arrays `mean` and `stddev` of q(z|x,y), each float32 (B, Z), `labels`, and
            `files` (names, or numbers in an archive), in numbered files where there is more than one shard.
        label: the label of all images, where the source does not say it.
        attributes: the model's other conditions by name, one value each; what can be measured of images, and is left
            out, is measured.

    Returns:
        How many images there are.

    Raises:
        InputError: there are no images, one cannot be read or has another shape, or a label is missing or unknown.
        RunError: the run cannot be used.
        StorageError: `out` holds something else, or cannot be written.
    """
    model = load(run)
    if out.suffix != ".npz":
        raise InputError(f"--out {out} does not end in .npz, the format of latent vectors. Name such a file.")
    images = Archive(source) if source.suffix == ".npz" else Folder(source)
    settings = {
        "weights": sha256(Run(run).weights),
        "source": str(source.absolute()),
        "files": hashlib.sha256("\n".join(images.files).encode()).hexdigest(),
        "label": label,
        **({"attributes": dict(attributes)} if attributes else {}),
    }
    job = Job(out, settings, len(images), _shard(model))

    def encoded(start: int, stop: int) -> Arrays:
        piece = images.read(start, stop, model.schema.shape)
        named = [label] * len(piece.files) if label is not None else piece.labels
        pixels = torch.from_numpy(piece.images)
        given = conditions_of(model, pixels, named if model.conditions.classes else None, attributes)
        mean, stddev = encode_moments(model, pixels, given)
        codes = {"mean": mean.numpy(), "stddev": stddev.numpy(), "files": np.array(piece.files)}
        return codes if named is None else {**codes, "labels": np.array(named)}

    job.do(encoded, job.write_archive)
    return job.total


def _require_folder_names(names: Sequence[str]) -> None:
    """Refuse labels that cannot be folders beside each other, on whatever system."""
    for number, name in enumerate(names):
        if name.casefold() in (other.casefold() for other in names[:number]):
            raise InputError(f"The label '{name}' is there twice. Name each label once; --count says how many images.")
        if set(name) & set('/\\:*?"<>|') or name != name.strip(". "):
            raise InputError(f"The label '{name}' cannot be the name of a folder. Write to a path ending in .npz.")


def _write_sheet(out: Path, names: Sequence[str], shape: tuple[int, int, int]) -> None:
    """A contact sheet of the first images of each label; one row a label, where there are several."""
    each = 10 if len(names) > 1 else 100
    paths = [out / name / file for name in names for file in image_names(out / name)[:each]]
    columns = len(paths) // len(names) if len(names) > 1 else max(1, int(len(paths) ** 0.5))
    sheet = contact_sheet(np.stack([read_image(path, shape) for path in paths]), columns)
    write_bytes(out / CONTACT_SHEET, png(sheet, scale=2))


def _shard(model: CVAE) -> int:
    """Images of a shard: SHARD_BYTES of them, in whole blocks of latent vectors."""
    return max(1, SHARD_BYTES // prod(model.schema.shape) // BLOCK) * BLOCK
