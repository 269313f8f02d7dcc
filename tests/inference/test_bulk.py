"""Many images to files and back: the same as from Python, whatever is interrupted, and clear when it cannot be."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import condvae
from condvae.cli import main as cli
from condvae.config import Config, ModelConfig
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.images import png
from condvae.inference import bulk, written
from condvae.inference.formats import FORMATS
from condvae.inference.written import ArchiveFiles
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.run import Run
from condvae.schema import Attribute, Schema
from tests.conftest import Cli


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand MNIST images a shard."""
    monkeypatch.setattr(bulk, "SHARD_BYTES", 28 * 28 * 1000)


def joined(out: Path, name: str) -> np.ndarray:
    """An array over all numbered files."""
    return np.concatenate([np.load(path)[name] for path in sorted(out.parent.glob(f"{out.stem}-*.npz"))])


def folder_of(images: np.ndarray, names: list[str], path: Path) -> Path:
    """Grey images as PNG files in a folder for each name."""
    for number, (image, name) in enumerate(zip(images, names, strict=True)):
        (path / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0]).save(path / name / f"{number:04d}.png")
    return path


def test_a_folder(run: Run, model: CVAE, tmp_path: Path, command: Cli) -> None:
    out = tmp_path / "drawn"
    command("generate", run.path, "--label", 3, 4, "--count", 5, "--seed", 1, "--out", out)
    left = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    drawn = [f"{label}/{number:05d}.png" for label in (3, 4) for number in range(5)]
    assert left == [*drawn, "contact-sheet.png", "made.json"]
    expected = condvae.generate(model, [3, 4], count=5, seed=1)
    for image, name in zip(expected, drawn, strict=True):
        assert (np.asarray(Image.open(out / name)) == image[0]).all()


def test_one_archive(run: Run, model: CVAE, tmp_path: Path, command: Cli) -> None:
    out = tmp_path / "images.npz"
    assert "Drew 4 images: " in command(
        "generate", run.path, "--label", 4, 9, "--z", -3, 3, "--z", 0.5, 0, "--out", out
    )
    archive = np.load(out)
    assert archive["labels"].tolist() == ["4", "4", "9", "9"]
    z = [[-3, 3], [0.5, 0]] * 2
    assert archive["z"].tolist() == z
    assert (archive["images"] == condvae.generate(model, [4, 9], z=z[:2])).all()


def test_without_labels(run: Run, tmp_path: Path, command: Cli) -> None:
    command("generate", run.path / "autoencoder", "--count", 3, "--out", tmp_path / "out.npz")
    assert np.load(tmp_path / "out.npz")["images"].shape == (3, 1, 28, 28)
    command("generate", run.path / "autoencoder", "--count", 3, "--out", tmp_path / "out")
    assert len(list((tmp_path / "out").glob("0000?.png"))) == 3
    codes = []
    for source in ("out", "out.npz"):
        command("encode", run.path / "autoencoder", tmp_path / source, "--out", tmp_path / f"codes-of-{source}.npz")
        codes.append(np.load(tmp_path / f"codes-of-{source}.npz")["mean"])
    assert codes[0].shape == (3, 3)
    np.testing.assert_allclose(codes[0], codes[1], atol=1e-5)


@pytest.mark.usefixtures("small_shards")
def test_interrupted_it_goes_on_and_ends_with_the_same_images(
    run: Run, model: CVAE, tmp_path: Path, command: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "images.npz"
    arguments = ["generate", run.path, "--label", 7, 2, "--count", 1700, "--seed", 5, "--out", out]
    contents = ArchiveFiles.contents

    def interrupted(files: ArchiveFiles, start: int, arrays: dict[str, np.ndarray]) -> dict[str, bytes]:
        if start == 2000:
            raise KeyboardInterrupt
        return contents(files, start, arrays)

    with monkeypatch.context() as patch:
        patch.setattr(ArchiveFiles, "contents", interrupted)
        assert cli.main([str(argument) for argument in arguments]) == 130
    assert "Run the same command again to continue." in command.capsys.readouterr().err
    before = [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("images-*.npz"))]
    assert len(before) == 2
    assert "Drew 3,400 images" in command(*arguments)
    after = [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("images-*.npz"))]
    assert len(after) == 4
    assert after[:2] == before
    expected = condvae.generate(model, ["7", "2"], count=1700, seed=5)
    assert (joined(out, "images") == expected).all()
    assert joined(out, "labels").tolist() == ["7"] * 1700 + ["2"] * 1700
    assert (
        joined(out, "images") == condvae.generate(model, joined(out, "labels"), z=joined(out, "z"), pair=True)
    ).all()
    command(*arguments)
    assert [path.stat().st_mtime_ns for path in sorted(tmp_path.glob("images-*.npz"))] == after


@pytest.mark.parametrize("name", ["images", "images.npz"])
def test_interrupted_in_the_first_shard_it_goes_on_too(
    name: str, run: Run, tmp_path: Path, command: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["generate", run.path, "--label", 7, "--count", 30, "--out", tmp_path / name]
    drawn = []

    def interrupted(image: np.ndarray) -> bytes:
        drawn.append(image)
        if len(drawn) == 20:
            raise KeyboardInterrupt
        return png(image)

    def stopped(*_: object, **arrays: np.ndarray) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(written, "png", interrupted)
        patch.setattr(np, "savez", stopped)
        assert cli.main([str(argument) for argument in arguments]) == 130
    command.capsys.readouterr()
    command(*arguments)
    if name == "images":
        assert len(list((tmp_path / name / "7").iterdir())) == 30
    else:
        assert len(np.load(tmp_path / name)["images"]) == 30


@pytest.mark.usefixtures("small_shards")
def test_a_shard_that_was_taken_away_is_drawn_again(run: Run, tmp_path: Path, command: Cli) -> None:
    arguments = ["generate", run.path, "--label", 7, "--count", 2500, "--out", tmp_path / "images.npz"]
    command(*arguments)
    before = np.load(tmp_path / "images-00001.npz")["images"]
    (tmp_path / "images-00001.npz").unlink()
    command(*arguments)
    assert (np.load(tmp_path / "images-00001.npz")["images"] == before).all()


def test_a_source_that_grew_is_another_job(run: Run, mnist: Dataset, tmp_path: Path, command: Cli) -> None:
    folder = folder_of(mnist.test.images[:3], ["7"] * 3, tmp_path / "digits")
    arguments = ["encode", run.path, folder, "--out", tmp_path / "codes.npz"]
    command(*arguments)
    folder_of(mnist.test.images[:4], ["7"] * 4, folder)
    assert "the files there were made with files = " in command.fails(*arguments)


def test_labels_that_cannot_be_folders(bars: Dataset, tmp_path: Path, command: Cli) -> None:
    from condvae.training.fit import fit

    classes = ("shirt/top", "bag", "Bag")
    parts = [LabelledImages(part.images, part.labels, classes) for part in (bars.train, bars.test)]
    fit(Config(trainer={"max_epochs": 1}), tmp_path / "run", Dataset("clothes", *parts))
    arguments = ["generate", tmp_path / "run", "--count", 2, "--label"]
    for labels, message in (
        (["bag", "shirt/top"], "The label 'shirt/top' cannot be the name of a folder"),
        (["bag", "Bag"], "The label 'Bag' is given twice"),
        ([1, 1], "The label 'bag' is given twice"),
    ):
        assert message in command.fails(*arguments, *labels, "--out", tmp_path / "out")
        assert not (tmp_path / "out").exists()
    command(*arguments, 0, "Bag", "--out", tmp_path / "out.npz")
    assert np.load(tmp_path / "out.npz")["labels"].tolist() == ["shirt/top"] * 2 + ["Bag"] * 2
    np.savez(tmp_path / "numbers.npz", images=bars.test.images, labels=bars.test.labels)
    command("encode", tmp_path / "run", tmp_path / "numbers.npz", "--out", tmp_path / "codes.npz")
    assert np.load(tmp_path / "codes.npz")["mean"].shape == (30, 2)


def test_what_is_there_is_not_mixed_with_other_images(run: Run, tmp_path: Path, command: Cli) -> None:
    for out in (tmp_path / "images", tmp_path / "images.npz"):
        command("generate", run.path, "--label", 3, "--out", out)
        message = command.fails("generate", run.path, "--label", 3, "--seed", 1, "--out", out)
        assert "were made with seed = 0, not 1. Choose another --out." in message
    (tmp_path / "images.json").write_text("damaged")
    assert "cannot be read" in command.fails("generate", run.path, "--label", 3, "--out", tmp_path / "images.npz")
    (tmp_path / "images.json").unlink()
    assert "exists and is not empty" in command.fails(
        "generate", run.path, "--label", 3, "--out", tmp_path / "images.npz"
    )


@pytest.mark.usefixtures("small_shards")
def test_encode_a_folder_and_an_archive(run: Run, model: CVAE, mnist: Dataset, tmp_path: Path, command: Cli) -> None:
    images, labels = mnist.test.images[:1500], mnist.test.labels[:1500]
    order = np.argsort(labels, kind="stable")
    names = [str(label) for label in labels]
    folder = folder_of(images, names, tmp_path / "digits")
    (folder / "notes.txt").write_text("not an image")
    assert "Encoded 1,500 images" in command("encode", run.path, folder, "--out", tmp_path / "folder.npz")
    expected = condvae.encode(model, images, labels)
    np.testing.assert_allclose(joined(tmp_path / "folder.npz", "mean"), expected[order], atol=1e-5)
    assert joined(tmp_path / "folder.npz", "labels").tolist() == [names[index] for index in order]
    assert joined(tmp_path / "folder.npz", "files")[0] == str(Path("0") / f"{order[0]:04d}.png")

    np.savez(tmp_path / "part-00000.npz", images=images[:700], labels=np.array(names[:700]))
    np.savez(tmp_path / "part-00001.npz", images=images[700:], labels=labels[700:])
    command("encode", run.path, tmp_path / "part.npz", "--out", tmp_path / "archive.npz")
    np.testing.assert_allclose(joined(tmp_path / "archive.npz", "mean"), expected, atol=1e-5)
    assert (joined(tmp_path / "archive.npz", "stddev") > 0).all()
    assert joined(tmp_path / "archive.npz", "labels").tolist() == names
    assert json.loads((tmp_path / "archive.json").read_text())["images"] == 1500


def test_encode_one_folder_with_one_label(run: Run, model: CVAE, mnist: Dataset, tmp_path: Path, command: Cli) -> None:
    folder = folder_of(mnist.test.images[:4], ["."] * 4, tmp_path / "sevens")
    assert "This model needs a label" in command.fails("encode", run.path, folder, "--out", tmp_path / "codes.npz")
    command("encode", run.path, folder, "--label", 7, "--out", tmp_path / "codes.npz")
    expected = condvae.encode(model, mnist.test.images[:4], 7)
    np.testing.assert_allclose(np.load(tmp_path / "codes.npz")["mean"], expected, atol=1e-5)


def test_other_conditions_are_set_by_name(tmp_path: Path, command: Cli) -> None:
    config = ModelConfig(conditions=("label", "tone", "size"), encoder=(8,), decoder=(8,))
    attributes = (Attribute("tone", ("warm", "cold")), Attribute("size", (), 2.0, 1.0, 1.0, 3.0))
    made = CVAE(config, Schema((1, 5, 7), ("a", "b"), attributes)).eval()
    run = Run(tmp_path / "run")
    save_model(run, made, Config(model=config), {})
    out = tmp_path / "drawn.npz"
    command("generate", run.path, "--label", "b", "--count", 3, "--attributes", "tone=cold", "size=2.5", "--out", out)
    given = {"tone": "cold", "size": 2.5}
    images = np.load(out)["images"]
    assert np.array_equal(images, condvae.generate(made, "b", attributes=given, count=3, seed=0))
    command(
        "encode",
        run.path,
        out,
        "--attributes",
        "tone=cold",
        "--attributes",
        "size=2.5",
        "--out",
        tmp_path / "codes.npz",
    )
    codes = np.load(tmp_path / "codes.npz")["mean"]
    np.testing.assert_allclose(codes, condvae.encode(made, images, "b", attributes=given), atol=1e-6)
    for wrong, message in (
        (["size"], "--attributes size has no value"),
        (["label=a"], "--attributes label=a sets the label"),
        (["size=1", "size=2"], "--attributes gives size twice, 1 and 2"),
        (["size=1", "tone=blue"], "There is no tone 'blue'. Choose one of warm, cold"),
        (["size=big", "tone=warm"], "cannot be read as a number"),
        (["tone=warm"], "needs a value of 'size'"),
        (["tone=warm", "size=1", "sise=2"], "There is no attribute 'sise'. Did you mean 'size'?"),
    ):
        assert message in command.fails(
            "generate", run.path, "--label", "a", "--attributes", *wrong, "--out", tmp_path / "x"
        )
        assert message in command.fails("encode", run.path, out, "--attributes", *wrong, "--out", tmp_path / "x.npz")
    assert not list(tmp_path.glob("x*"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nothing", "There is no folder"),
        ("nothing.npz", "There is no "),
        ("nothing.tar", "There is no "),
        ("damaged.tar", "cannot be read as an archive"),
        ("damaged.parquet", "cannot be read as an archive"),
        ("empty", "has no images. Known: files ending in .bmp, "),
        ("damaged", "cannot be read as an image"),
        ("deep", "more than 8 bits a channel"),
        ("single.npz", "cannot be read as an archive"),
        ("damaged.npz", "cannot be read as an archive"),
        ("other.npz", "has no images of one size with their labels"),
        ("labels.npz", "has 2 images and 1 labels"),
        ("shape.npz", "shape (2, 1, 5, 5); this model takes uint8 (N, 1, 28, 28)"),
        ("size", "has 5 x 7 pixels (H x W); this model takes 28 x 28"),
        ("class", "There is no label 'seven'. Choose one of 0, 1"),
    ],
)
def test_images_that_cannot_be_encoded(source: str, message: str, run: Run, tmp_path: Path, command: Cli) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "damaged" / "3").mkdir(parents=True)
    (tmp_path / "damaged" / "3" / "a.png").write_bytes(b"no image")
    (tmp_path / "deep" / "3").mkdir(parents=True)
    Image.fromarray(np.zeros((28, 28), np.uint16)).save(tmp_path / "deep" / "3" / "a.png")
    with (tmp_path / "single.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    for ending in FORMATS:
        (tmp_path / f"damaged{ending}").write_bytes(b"no archive")
    np.savez(tmp_path / "other.npz", pictures=np.zeros(3))
    np.savez(tmp_path / "labels.npz", images=np.zeros((2, 1, 28, 28), np.uint8), labels=["3"])
    np.savez(tmp_path / "shape.npz", images=np.zeros((2, 1, 5, 5), np.uint8), labels=["3", "3"])
    folder_of(np.zeros((1, 1, 5, 7), np.uint8), ["3"], tmp_path / "size")
    folder_of(np.zeros((1, 1, 28, 28), np.uint8), ["seven"], tmp_path / "class")
    assert message in command.fails("encode", run.path, tmp_path / source, "--out", tmp_path / "codes.npz")
    assert not list(tmp_path.glob("codes*"))


def test_latent_vectors_go_to_an_archive(run: Run, tmp_path: Path, command: Cli) -> None:
    message = command.fails("encode", run.path, tmp_path, "--out", tmp_path / "codes")
    assert "--out must end in .npz or .parquet, the formats of latent vectors" in message
    drawn, codes = tmp_path / "drawn.tar", tmp_path / "codes.tar"
    command("generate", run.path, "--label", 3, "--out", drawn)
    assert "--out must end in .npz or .parquet" in command.fails("encode", run.path, drawn, "--out", codes)


@pytest.mark.usefixtures("small_shards")
def test_no_numbered_file_of_somebody_else_is_overwritten(run: Run, tmp_path: Path, command: Cli) -> None:
    for name in ("images-00001.npz", "images.npz"):
        (tmp_path / name).write_text("mine")
        arguments = ["generate", run.path, "--label", 7, "--count", 2500, "--out", tmp_path / "images.npz"]
        assert f"{name} exists and is not empty" in command.fails(*arguments)
        assert (tmp_path / name).read_text() == "mine"
        (tmp_path / name).unlink()


def test_an_archive_without_images_is_refused(run: Run, tmp_path: Path, command: Cli) -> None:
    np.savez(tmp_path / "none.npz", images=np.zeros((0, 1, 28, 28), np.uint8), labels=np.zeros(0, np.int64))
    message = command.fails("encode", run.path, tmp_path / "none.npz", "--out", tmp_path / "codes.npz")
    assert "has no images; at least one is needed" in message
