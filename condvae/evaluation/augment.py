"""Fill up the classes that have too few training images with generated ones, in a folder for any classifier."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from condvae.errors import InputError
from condvae.evaluation.filling import Filled, Options, chosen_classes, missing_images
from condvae.evaluation.judge import Judge
from condvae.evaluation.layouts import (
    DRAWS,
    FILE,
    IS_GENERATED,
    LABEL,
    RECORD,
    Layout,
    Row,
    layout_of,
    rows_bytes,
    rows_of,
)
from condvae.evaluation.protocol import sample_rows
from condvae.evaluation.study import Study
from condvae.images import png, unit
from condvae.inference.batched import MIXTURE, draw_pixels, prior_module
from condvae.inference.formats import Arrays
from condvae.inference.inputs import require_seed
from condvae.inference.shards import Job
from condvae.inference.written import FolderFiles
from condvae.seeds import derived_seed, seeded
from condvae.storage.files import sha256
from condvae.storage.place import Place
from condvae.storage.places import place

README = "README.md"
SHARD_IMAGES, SHARD_BYTES = 1000, 8 * 2**20
MOST_DRAWS = 50  # of one image, until the judge takes it for its class
VECTORS, PIXELS = 1, 2  # distinguish the seeds of latent vectors and of pixels


def augment(study: Study, out: Place | Path | str, options: Options | None = None) -> list[Filled]:
    """Draw images of the classes that have too few training images, into a folder in the layout of the data source.

    A source `folder:` gives a sub-folder for each class, below `train` if it has parts. A source `table:`, or a folder
    with a metadata.csv, gives a CSV file with the columns of the source and a folder of images. A source `arrays:`
    gives class folders and an .npz file with the same images. All others give class folders. Beside them lie
    generated.csv, with a row for each image, and README.md, which says how the images were made. Attributes are those
    of training images of the class. A call that was interrupted continues when it is made again.

    Args:
        study: the run.
        out: a new or empty folder, or one in which the same call was interrupted. It may be in object storage.
        options: what decides the images.

    Returns:
        What became of each class that had too few images.

    Raises:
        DataError: the data of the run is not available.
        InputError: the model has no labels, an option is not possible, or no class has too few images.
        StorageError: `out` holds something else, or cannot be written.
    """
    work = _Work(study, place(out), options or Options())
    work.do()
    return work.filled


@dataclass(frozen=True)
class _Files(FolderFiles):
    """The images of a shard, and then their rows of the record. The rows of all shards become one file at the end.

    Attributes:
        work: what says which files there are.
        is_finished: whether the rows were put together.
    """

    work: "_Work"
    is_finished: bool

    def last(self, start: int, stop: int) -> str:
        return README if self.is_finished else _part(start)

    def contents(self, start: int, arrays: Arrays) -> dict[str, bytes]:
        kept = np.flatnonzero(arrays["kept"]).tolist()
        rows = [self.work.row(start + number, int(arrays[DRAWS][number])) for number in kept]
        images = zip(rows, (arrays["images"][number] for number in kept), strict=True)
        return {**{row[FILE]: png(image) for row, image in images}, _part(start): rows_bytes(rows)}


class _Work:
    """The images to draw, numbered from 0: those of the first class first. Real images to copy come after them."""

    def __init__(self, study: Study, out: Place, options: Options) -> None:
        self.study, self.out, self.options = study, out, options
        if out.suffix == ".npz":
            raise InputError(f"--out must be a folder, got {out}.")
        self.files = _Files(out, self, (out / README).is_file())
        if not self.files.record.is_file():
            self.files.require_new()
        for name in {DRAWS, IS_GENERATED} & set(study.config.model.conditions):
            raise InputError(
                f"The model has a condition '{name}', and {RECORD} has a column of this name for something else. Give "
                "the attribute another name in the data, and train again."
            )
        require_seed(options.seed)
        if options.prior != MIXTURE:  # that of the run is fitted if it is not there
            prior_module(study.model, options.prior)
        self.classes, self.sizes = study.model.conditions.classes, study.data.train.counts()
        self.wanted = missing_images(study, options)
        self.labels = torch.tensor(list(self.wanted)).repeat_interleave(torch.tensor(list(self.wanted.values())))
        self.rows = sample_rows(study, self.labels, options.seed)
        self.real = torch.empty(0, dtype=torch.int64)
        if options.with_real:
            self.real = torch.isin(study.train_labels, torch.tensor(chosen_classes(study, options))).nonzero()[:, 0]
        self.judge = _judge(study) if options.judged else None
        self.layout: Layout = layout_of(study.data.source, self.classes)
        everything = torch.cat([self.labels, study.train_labels[self.real]])
        self.names = _file_names(everything, len(self.labels), self.layout)
        self.filled: list[Filled] = []
        self.conditions = torch.cat([self.rows, study.train_rows[self.real]])

    def do(self) -> None:
        """Draw and write all images that are not there yet."""
        Job(self.files, self._settings(), len(self.names), self._shard(), "Drawing images").do(
            self._make, finish=self._finish
        )

    def _finish(self) -> None:
        """Write what describes the images, and count them."""
        parts = [self.out / _part(start) for start in self._starts()]
        record = self.out / RECORD
        whole = [record] if record.is_file() else []  # without any rows, there is none
        rows = [row for file in (whole if self.files.is_finished else parts) for row in rows_of(file.read())]
        self.filled = self._counted(rows)
        if not self.files.is_finished:
            if rows:
                (self.out / RECORD).write(rows_bytes(rows))
                self.layout.finish(self.out, rows, self.study.model.schema.shape)
            (self.out / README).write(_readme(self, self.filled).encode())
        for part in parts:
            part.remove()

    def _shard(self) -> int:
        return max(1, min(SHARD_IMAGES, SHARD_BYTES // prod(self.study.model.schema.shape)))

    def _starts(self) -> Iterable[int]:
        return range(0, len(self.names), self._shard())

    def _settings(self) -> dict[str, Any]:
        options, run = self.options, self.study.run
        return {
            "weights": sha256(run.weights),
            "source": self.study.data.source,
            "wanted": {self.classes[label]: count for label, count in self.wanted.items()},
            "seed": options.seed,
            "sample": options.sample,
            "mixture": options.prior == MIXTURE and bool(self.study.mixture) and sha256(run.mixture),
            "judge": self.judge and self.judge.card["sha256"],
            "real images": len(self.real),
        }

    def _make(self, start: int, stop: int) -> Arrays:
        """Images `start` to before `stop`, how often each was drawn, and whether it is kept."""
        count, drawn = stop - start, max(0, min(stop, len(self.labels)) - start)
        images = np.zeros((count, *self.study.model.schema.shape), np.uint8)
        draws, kept = np.zeros(count, np.int64), np.zeros(count, bool)
        for attempt in range(MOST_DRAWS if self.judge else 1):
            left = np.flatnonzero(~kept[:drawn])
            if not len(left):
                break
            places = torch.from_numpy(left) + start
            pixels = self._drawn(self.rows[places], (self.options.seed, start, attempt))
            accepted = _accepted(self.judge, pixels, self.labels[places])
            draws[left] += 1
            images[left[accepted]] = pixels[accepted]
            kept[left[accepted]] = True
        if drawn < count:
            first = max(0, start - len(self.labels))
            copied = self.real[first : first + count - drawn]
            images[drawn:], kept[drawn:] = self.study.data.train.pixels(copied.numpy()), True
        return {"images": images, DRAWS: draws, "kept": kept}

    def _drawn(self, rows: Tensor, seeds: tuple[int, int, int]) -> Any:
        z = self.study.draw(rows, derived_seed(*seeds, VECTORS), self.options.prior)
        with seeded(*seeds, PIXELS):
            return draw_pixels(self.study.model, z, rows, self.options.sample)

    def row(self, number: int, draws: int) -> dict[str, str]:
        """The row of an image in the record."""
        is_drawn = number < len(self.labels)
        label = self.labels[number] if is_drawn else self.study.train_labels[self.real[number - len(self.labels)]]
        values = zip(self.study.model.conditions.variables, self.conditions[number].tolist(), strict=True)
        attributes = {
            variable.name: variable.classes[int(value)] if variable.classes else f"{value:.6g}"
            for variable, value in values
        }
        first = {FILE: self.names[number], LABEL: self.classes[int(label)]}
        return {**first, **attributes, **first, IS_GENERATED: str(int(is_drawn)), DRAWS: str(draws)}

    def _counted(self, rows: Sequence[Row]) -> list[Filled]:
        made = [row for row in rows if row[IS_GENERATED] == "1"]
        counts, draws = Counter(row[LABEL] for row in made), Counter[str]()
        for row in made:
            draws[row[LABEL]] += int(row[DRAWS])
        filled = []
        for label, wanted in self.wanted.items():
            name = self.classes[label]
            failed = MOST_DRAWS * (wanted - counts[name])
            filled.append(Filled(name, self.sizes[name], wanted, counts[name], draws[name] + failed))
        return filled


def _part(start: int) -> str:
    """The file with the rows of the shard that begins with an image, until all of them are there."""
    return f"generated-{start:08d}.csv"


def _judge(study: Study) -> Judge:
    judge = study.judge
    if judge is None:
        raise InputError("--judged needs at least two classes, and there is only one. Leave it out.")
    return judge


def _accepted(judge: Judge | None, pixels: Any, labels: Tensor) -> Any:
    """Whether the judge takes each image for its class. Without a judge, all are accepted."""
    if judge is None:
        return np.ones(len(labels), bool)
    return judge.correct(unit(torch.from_numpy(pixels)), labels).bool().numpy()


def _file_names(labels: Tensor, generated: int, layout: Layout) -> list[str]:
    """The path of each image below the folder. Generated images and real ones are numbered from 1."""
    numbers: Counter[tuple[bool, int]] = Counter()
    names = []
    for number, label in enumerate(labels.tolist()):
        is_drawn = number < generated
        key = (is_drawn, label if layout.by_class else 0)
        numbers[key] += 1
        names.append(layout.path(label, f"{'generated' if is_drawn else 'real'}-{numbers[key]:06d}.png"))
    return names


def _readme(work: _Work, filled: Sequence[Filled]) -> str:
    """How the images were made, for whoever finds the folder."""
    options, study = work.options, work.study
    pixels = "samples of p(x|z,y)" if options.sample else "means of p(x|z,y)"
    kept = (
        f"Only images that a judge takes for their class were kept, after at most {MOST_DRAWS} draws of each. Judge: "
        f"{work.judge.description}."
        if work.judge
        else "No judge chose among them."
    )
    real = f"The folder has {len(work.real):,} real training images as well." if options.with_real else ""
    lines = [
        "# Generated images",
        "",
        "A model drew these images. They are for training, not for tests: whoever measures a classifier on them",
        f"measures the model. `{RECORD}` has a row for each image, with a 1 in the column `{IS_GENERATED}` if it was",
        f"generated. {real}".rstrip(),
        "",
        f"- Model: `{study.run.path}`, weights with the SHA-256 digest {sha256(study.run.weights)}",
        f"- Data that it was trained on: `{study.data.source}`",
        f"- Latent vectors: from the {options.prior}, seed {options.seed}",
        f"- Images: {pixels}. {kept}",
        "",
        "| class | training images | generated images wanted | generated images | draws |",
        "|---|---|---|---|---|",
        *(f"| {one.label} | {one.real} | {one.wanted} | {one.generated} | {one.draws} |" for one in filled),
    ]
    return "\n".join(lines) + "\n"
