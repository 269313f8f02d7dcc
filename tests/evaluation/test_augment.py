"""condvae augment: a folder of generated images in the layout of the source, whatever interrupts it."""

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from condvae.cli import main as cli
from condvae.config import Config, DataConfig
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages, Values
from condvae.data.readers.folder import load as load_folder
from condvae.data.readers.table import load as load_table
from condvae.errors import InputError, StorageError
from condvae.evaluation import augment as home
from condvae.evaluation import judge
from condvae.evaluation.augment import augment
from condvae.evaluation.filling import Filled, Options
from condvae.evaluation.study import Study
from condvae.images import png, read_image, unit
from condvae.run import Run
from condvae.storage.places import place
from condvae.training.fit import fit
from tests.conftest import Cli
from tests.evaluation.runs import NO_BOUND, SHORT, SMALL, trained, with_tone
from tests.evaluation.uneven import SIZES, Sceptic, uneven, written

LACKING = [max(SIZES) - size for size in SIZES[1:]]


@pytest.fixture(scope="module")
def study(bars: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A trained model of the uneven bars, in memory."""
    return trained(tmp_path_factory.mktemp("bars") / "run", uneven(bars), SMALL, NO_BOUND)


@pytest.fixture
def photos(bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The uneven bars as a folder of pictures, and a model that was trained on it."""
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))
    root = written(uneven(bars), tmp_path / "photos")
    settings = Config(DataConfig(f"folder:{root}"), SMALL, NO_BOUND, SHORT)
    fit(settings, tmp_path / "run")
    return tmp_path / "run", root


def files(folder: Path) -> dict[str, bytes]:
    """The content of all files in a folder, by their paths."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_in_the_layout_of_the_source(photos: tuple[Path, Path], tmp_path: Path, command: Cli) -> None:
    run, _ = photos
    out = tmp_path / "more"
    printed = command("augment", run, "--balance", "--with-real", "--out", out)
    assert printed.splitlines() == [
        "class             training  generated",
        f"middle                  12 {LACKING[0]:>10}",
        f"right                    2 {LACKING[1]:>10}",
        f"Drew {sum(LACKING)} images: {out}",
    ]
    names = [
        *(f"train/middle/generated-{number:06d}.png" for number in range(1, LACKING[0] + 1)),
        *(f"train/right/generated-{number:06d}.png" for number in range(1, LACKING[1] + 1)),
    ]
    record = rows(out / "generated.csv")
    assert [row["file_name"] for row in record[: len(names)]] == names
    assert {row["file_name"] for row in record} == {name for name in files(out) if name.endswith(".png")}
    assert Counter(row["generated"] for row in record) == {"1": sum(LACKING), "0": sum(SIZES)}
    assert all(np.asarray(Image.open(out / row["file_name"])).shape == (5, 7, 3) for row in record)
    listing = load_folder(str(out))
    assert Counter(listing.labels) == dict.fromkeys(("left", "middle", "right"), max(SIZES)), "ready for any classifier"
    readme = (out / "README.md").read_text("utf-8")
    row = "| right | 2 | 28 | 28 | 28 |"
    for text in ("seed 0", "from the mixture", row, "No judge", "has 44 real training images"):
        assert text in readme
    before = files(out)
    assert command("augment", run, "--balance", "--with-real", "--out", out) == printed
    assert files(out) == before
    message = command.fails("augment", run, "--balance", "--out", out)
    assert "were made with real images = 44, not 0. Choose another --out." in message


def test_a_table_in_the_columns_of_the_source(bars: Dataset, tmp_path: Path) -> None:
    data = with_tone(uneven(bars))
    lines = ["Image,split,category,tone,note"]
    for number, (image, label) in enumerate(zip(data.train.pixels(), data.train.labels, strict=True)):
        (tmp_path / f"{number}.png").write_bytes(png(image))
        tone = ("warm", "cold")[number % 2]
        lines.append(f"{number}.png,train,{data.train.classes[label]},{tone},note {number % 3}")
    (tmp_path / "bars.csv").write_text("\n".join(lines), "utf-8")
    source = f"table:{tmp_path / 'bars.csv'}"
    model = replace(SMALL, conditions=("label", "tone"))
    study = trained(tmp_path / "run", replace(data, source=source), model, NO_BOUND)
    out = tmp_path / "more"
    augment(study, out, Options(to=20))
    made = rows(out / "bars.csv")
    assert list(made[0]) == ["Image", "category", "split", "tone", "generated"], "a note is no condition of the model"
    assert Counter(row["category"] for row in made) == {"middle": 8, "right": 18}
    assert {(row["split"], row["generated"]) for row in made} == {("train", "1")}
    tones = Counter(row["tone"] for row in made if row["category"] == "right")
    assert tones == {"warm": 9, "cold": 9}, "those of the two training images"
    listing = load_table(str(out / "bars.csv"))
    assert Counter(listing.labels) == {"middle": 8, "right": 18}
    assert listing.columns["tone"] == [row["tone"] for row in made]


def test_arrays(bars: Dataset, tmp_path: Path) -> None:
    study = trained(tmp_path / "run", uneven(bars, "arrays:bars.npz"), SMALL, NO_BOUND)
    out = tmp_path / "more"
    augment(study, out, Options(label=["right"], with_real=True))
    with np.load(out / "images.npz", allow_pickle=False) as arrays:
        assert arrays["images"].shape == (30, 3, 5, 7)
        assert arrays["labels"].tolist() == ["right"] * 30
        assert arrays["generated"].tolist() == [1] * 28 + [0] * 2
        real = np.asarray(Image.open(out / "right" / "real-000001.png")).transpose(2, 0, 1)
        assert (arrays["images"][28] == real).all()
        assert (real == study.data.train.pixels()[-2]).all()


def test_class_names_that_no_folder_can_have(bars: Dataset, tmp_path: Path) -> None:
    classes = (".hidden/one", "shirt: 100%", "plain")
    parts = [LabelledImages(part.images, part.labels, classes) for part in (uneven(bars).train, bars.test)]
    study = trained(tmp_path / "run", Dataset("clothes", *parts), SMALL, NO_BOUND)
    augment(study, tmp_path / "more", Options(to=31))
    folders = sorted(path.name for path in (tmp_path / "more").iterdir() if path.is_dir())
    assert folders == ["%2Ehidden%2Fone", "plain", "shirt%3A 100%25"]
    assert [row["label"] for row in rows(tmp_path / "more" / "generated.csv")][:2] == [".hidden/one", "shirt: 100%"]


def test_interrupted_it_goes_on_and_ends_with_the_same_files(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "SHARD_IMAGES", 7)
    monkeypatch.setitem(study.__dict__, "_judge", Sceptic())
    options = Options(to=31, judged=True, with_real=True, seed=3)
    whole = augment(study, tmp_path / "whole", options)
    for stop in (3, 20, 60):
        written_images: list[object] = []

        def interrupted(image: np.ndarray, stop: int = stop, done: list[object] = written_images) -> bytes:
            done.append(image)
            if len(done) == stop:
                raise KeyboardInterrupt
            return png(image)

        out = tmp_path / f"stopped at {stop}"
        with monkeypatch.context() as patch:
            patch.setattr(home, "png", interrupted)
            with pytest.raises(KeyboardInterrupt):
                augment(study, out, options)
        with pytest.raises(StorageError, match=r"were made with seed = 3, not 4\. Choose another --out"):
            augment(study, out, replace(options, seed=4))
        assert augment(study, out, options) == whole
        assert files(out) == files(tmp_path / "whole")


def test_the_judge_decides_what_is_kept(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Sceptic(never=(1,))
    monkeypatch.setitem(study.__dict__, "_judge", judge)
    filled = augment(study, tmp_path / "judged", Options(to=32, judged=True))
    left, middle, right = filled
    assert middle == Filled("middle", SIZES[1], 20, 0, 20 * home.MOST_DRAWS)
    for one in (left, right):
        assert one.generated == one.wanted
        assert one.wanted < one.draws < 4 * one.wanted, "it accepts about half"
    record = rows(tmp_path / "judged" / "generated.csv")
    assert Counter(row["label"] for row in record) == {"left": 2, "right": 30}
    assert sum(int(row["draws"]) for row in record) == left.draws + right.draws
    for row in record:
        pixels = np.asarray(Image.open(tmp_path / "judged" / row["file_name"]))
        assert pixels.astype(int).sum() % 2 == 0, "what the judge saw is what is written"
    assert judge.description in (tmp_path / "judged" / "README.md").read_text("utf-8")


@pytest.mark.usefixtures("quick_judge")
def test_the_command_says_what_the_judge_accepted(
    photos: tuple[Path, Path], tmp_path: Path, command: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("condvae.evaluation.study.find_judge", lambda data: Sceptic(never=(2,)))
    printed = command("augment", photos[0], "--to", 14, "--judged", "--out", tmp_path / "more").splitlines()
    assert printed[1:3] == ["middle                  12          2", "right                    2          0"]
    assert printed[3].startswith("The judge accepted ")
    assert printed[4] == "'right' has 0 of 12 images. The judge accepted no more."
    assert printed[5].startswith("Drew 2 images: ")


def test_nothing_is_kept_if_the_judge_accepts_nothing(
    study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(study.__dict__, "_judge", Sceptic(never=(0, 1, 2)))
    (filled,) = augment(study, tmp_path / "none", Options(to=4, label=["right"], judged=True))
    assert (filled.wanted, filled.generated) == (2, 0)
    assert sorted(files(tmp_path / "none")) == ["README.md", "made.json"]


def test_options_change_the_images(study: Study, tmp_path: Path) -> None:
    images = {}
    for name, options in {"usual": Options(), "prior": Options(prior="prior"), "seed": Options(seed=1)}.items():
        augment(study, tmp_path / name, options)
        images[name] = {path: content for path, content in files(tmp_path / name).items() if path.endswith(".png")}
    assert images["usual"].keys() == images["prior"].keys() == images["seed"].keys()
    assert len({tuple(one.values()) for one in images.values()}) == len(images)


@pytest.mark.usefixtures("cache")
def test_what_a_trained_judge_accepts_is_of_its_class(
    bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "_settings_for", lambda images: judge.JudgeTraining(epochs=20, batch_size=10))
    data = uneven(bars)
    fit(Config(model=SMALL, training=NO_BOUND, trainer={**SHORT, "max_epochs": 100}), tmp_path / "run", data)
    study = Study(Run(tmp_path / "run"), data)
    filled = augment(study, tmp_path / "judged", Options(judged=True))
    kept = [path for path in files(tmp_path / "judged") if path.endswith(".png")]
    assert len(kept) == sum(one.generated for one in filled) > 0
    assert study.judge is not None
    for path in kept:
        image = read_image(place(tmp_path / "judged" / path), (3, 5, 7))
        label = study.judge.predict(unit(torch.from_numpy(image)[None])).item()
        assert study.model.schema.classes[int(label)] == Path(path).parent.name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--to", 2], "--to 2 leaves nothing to do: the smallest of the classes, 'right', has 2 training images"),
        (["--to", 0], "--to must be at least 1, got 0"),
        (
            ["--balance", "--label", "left"],
            "--balance finds nothing to do: the smallest of the classes, 'left'",
        ),
        (["--balance", "--to", 40], "Give either --to N or --balance, got both"),
        ([], "Give either --to N or --balance, got neither"),
        (["--balance", "--label", "up"], "There is no label 'up'. Choose one of left, middle, right"),
        (["--balance", "--seed", -1], "seed must be from 0 to 4294967295, got -1"),
    ],
)
def test_what_is_not_possible(
    options: list[object], message: str, photos: tuple[Path, Path], tmp_path: Path, command: Cli
) -> None:
    assert message in command.fails("augment", photos[0], *options, "--out", tmp_path / "more")
    assert not (tmp_path / "more").exists()


def test_what_is_not_possible_of_a_model_or_a_folder(
    bars: Dataset, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = trained(tmp_path / "without", uneven(bars), replace(SMALL, conditions=()), NO_BOUND)
    with pytest.raises(InputError, match=r"has no labels, and this command fills up classes"):
        augment(without, tmp_path / "more")
    with pytest.raises(InputError, match=r"--out must be a folder, got .*more\.npz"):
        augment(study, tmp_path / "more.npz")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with monkeypatch.context() as patch:
        patch.setattr("condvae.evaluation.augment._judge", lambda _: pytest.fail("a judge was trained"))
        with pytest.raises(StorageError, match="exists and is not empty"):
            augment(study, tmp_path / "mine", Options(judged=True))
    assert sorted(files(tmp_path / "mine")) == ["notes.txt"]
    data = uneven(bars)
    some = Dataset(data.source, data.train.take(np.flatnonzero(data.train.labels != 1)), data.test)
    missing = trained(tmp_path / "missing", some, SMALL, NO_BOUND)
    with pytest.raises(InputError, match="The class 'middle' has no training images, so that the model cannot draw it"):
        augment(missing, tmp_path / "more", Options(label=["middle"]))
    assert [one.label for one in augment(missing, tmp_path / "more")] == ["right"]
    only = [replace(part, labels=part.labels * 0, classes=("bar",)) for part in (data.train, data.test)]
    single = trained(tmp_path / "single", Dataset("one class", *only), SMALL, NO_BOUND)
    with pytest.raises(InputError, match="--judged needs at least two classes, and there is only one"):
        augment(single, tmp_path / "judged", Options(to=100, judged=True))


@pytest.mark.parametrize("name", ["generated", "draws"])
def test_a_condition_with_the_name_of_a_column_is_refused(name: str, bars: Dataset, tmp_path: Path) -> None:
    parts = [replace(one, attributes={name: Values(np.zeros(len(one), np.float32))}) for one in (bars.train, bars.test)]
    data = Dataset("bars", *parts)
    study = trained(tmp_path / "run", data, replace(SMALL, conditions=("label", name)), NO_BOUND)
    with pytest.raises(
        InputError, match=rf"has a condition '{name}', and generated\.csv .* Give the attribute another"
    ):
        augment(study, tmp_path / "more", Options(to=1000))


def test_ctrl_c_says_how_to_continue(
    photos: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(image: np.ndarray) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(home, "png", interrupted)
    arguments = ["augment", str(photos[0]), "--balance", "--out", str(tmp_path / "more")]
    assert cli.main(arguments) == cli.INTERRUPTED
    assert "Run the same command again to continue." in capsys.readouterr().err


@pytest.mark.parametrize("options", [Options(), Options(to=4, label=["right"], with_real=True)])
def test_the_same_files_in_object_storage(options: Options, study: Study, bucket: str, tmp_path: Path) -> None:
    made = [augment(study, out, options) for out in (tmp_path / "here", f"{bucket}/there", f"{bucket}/there")]
    assert made[0] == made[1] == made[2]
    there = place(f"{bucket}/there")
    here = files(tmp_path / "here")
    assert here
    assert not [name for name in here if name.startswith("generated-")], "rows of shards are put together"
    for name, content in here.items():
        assert (there / name).read() == content, name
