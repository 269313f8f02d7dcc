"""No code outside of condvae.data reads all images of a part at once: they may not fit into memory."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from condvae.config import Config, DataConfig, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages


def is_outside(depth: int) -> bool:
    """Whether the function that called, `depth` calls above, is in condvae, but not in condvae.data."""
    name = sys._getframe(depth + 1).f_globals["__name__"]
    return name.startswith("condvae.") and not name.startswith("condvae.data.")


@pytest.fixture
def guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading `images` of a part fails, unless the part is a batch."""
    batches: list[LabelledImages] = []  # kept, so that no other part gets the identity of one
    take, batched, read = LabelledImages.take, LabelledImages.batches, LabelledImages.__getattribute__
    pixels = LabelledImages.pixels

    def taken(part: LabelledImages, positions: Any) -> LabelledImages:
        found = take(part, positions)
        if is_outside(1):
            batches.append(found)
        return found

    def in_batches(part: LabelledImages, size: int) -> Iterator[LabelledImages]:
        for found in batched(part, size):
            batches.append(found)
            yield found

    def watched(part: LabelledImages, name: str) -> Any:
        if name == "images" and is_outside(1) and all(part is not one for one in batches):
            raise AssertionError(f"{sys._getframe(1).f_globals['__name__']} reads all images of a part")
        return read(part, name)

    def read_pixels(part: LabelledImages, positions: Any = slice(None)) -> Any:
        if (
            isinstance(positions, slice)
            and positions == slice(None)
            and is_outside(1)
            and all(part is not one for one in batches)
        ):
            raise AssertionError(f"{sys._getframe(1).f_globals['__name__']} reads all images of a part")
        return pixels(part, positions)

    monkeypatch.setattr(LabelledImages, "pixels", read_pixels)
    monkeypatch.setattr(LabelledImages, "take", taken)
    monkeypatch.setattr(LabelledImages, "batches", in_batches)
    monkeypatch.setattr(LabelledImages, "__getattribute__", watched, raising=False)


@pytest.mark.usefixtures("guarded", "quick_judge")
def test_nobody_reads_all_images_at_once(bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from condvae.evaluation.evaluate import evaluate
    from condvae.evaluation.study import Study
    from condvae.explorer.run_session import RunSession
    from condvae.explorer.schemas import Nearest
    from condvae.report.html import write_report
    from condvae.training.fit import fit

    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))
    monkeypatch.setattr("condvae.evaluation.parts.classifier_score.IMAGES", 90)
    monkeypatch.setattr("condvae.evaluation.parts.classifier_score.SEEN", 90)
    monkeypatch.setattr("condvae.evaluation.protocol.SAMPLES_PER_CLASS", 40)
    conditions = ("label", "slant")
    config = Config(
        model=ModelConfig(likelihood="bernoulli", encoder=(8,), decoder=(8,), conditions=conditions),
        data=DataConfig(validation_split=20),
        training=TrainingConfig(beta=1, start_at_mean=True),
        trainer={"max_epochs": 1},
    )
    fit(config, tmp_path / "run", bars)
    study = Study(tmp_path / "run", bars)
    write_report(study, evaluate(study), [])
    session = RunSession(study, "bars", "")
    assert session.map.codes.of_data
    session.nearest(Nearest(label="left", attributes={"slant": 0}, z=[0, 0], count=3))
    _ = session.habits


@pytest.mark.usefixtures("guarded")
def test_the_guard_sees_who_reads(bars: Dataset) -> None:
    namespace = {"__name__": "condvae.inference.example", "part": bars.train}
    with pytest.raises(AssertionError, match=r"condvae\.inference\.example reads all images of a part"):
        exec("part.images", namespace)
    with pytest.raises(AssertionError, match=r"condvae\.inference\.example reads all images of a part"):
        exec("part.pixels()", namespace)
    exec(
        "[batch.images for batch in part.batches(30)]; part.take(slice(0, 9)).images; part.pixels(slice(0, 9))",
        namespace,
    )
    assert len(bars.train.images) == 90, "anyone else may read them"
