"""The page without a server: what its folder holds, that it needs no network, and that pictures are prepared alike."""

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import condvae
from benchmarks.explorer import hosted
from condvae.config import Config, ModelConfig
from condvae.data.dataset import Dataset
from condvae.data.prepare import Habits, prepare
from condvae.errors import InputError, RunError
from condvae.evaluation.study import Study
from condvae.explorer.offline.folder import export_page
from condvae.explorer.run_session import RunSession
from condvae.model.cvae import CVAE
from condvae.run import Run
from condvae.training.fit import fit
from scripts.vendor import DIGESTS, VENDOR, digest
from tests.conftest import Cli
from tests.explorer.browser import DESKTOP, VIEWS, at, becomes, image_of, opened, ready, settles, state_of

ROUNDING = 1  # of 255
PREPARED = """([image, habits]) => import(new URL('explorer/offline/prepare.js', document.baseURI))
  .then(async (found) => found.prepare(await found.open(image), habits))
  .then(({ pixels, steps }) => ({ pixels: Array.from(pixels), steps }))"""


@pytest.fixture(scope="module")
def folder(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_page(run, tmp_path_factory.mktemp("offline") / "page")


@pytest.fixture(scope="module")
def page(browser: Any, folder: Path) -> Iterator[Any]:
    with hosted(folder) as address, opened(browser, address, "generate") as found:
        yield found


def test_the_folder_names_no_path_and_holds_no_training_image(folder: Path, run: Run) -> None:
    content = json.loads((folder / "model" / "page.json").read_text("utf-8"))
    assert content["model"]["run"] == content["model"]["title"] == run.path.name
    assert str(run.path.parent) not in (folder / "model" / "page.json").read_text("utf-8")
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} == {
        ".bin", ".css", ".html", ".js", ".json", ".md", ".mjs", ".onnx", ".packed", ".png", ".svg", ".webmanifest",
    }  # fmt: skip
    for icon in json.loads((folder / "manifest.webmanifest").read_text("utf-8"))["icons"]:
        with Image.open(folder / icon["src"]) as picture:
            assert f"{picture.width}x{picture.height}" == icon["sizes"]


def test_a_folder_that_exists_stays_as_it_is(tmp_path: Path, run: Run) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RunError, match=r"exists\. Choose another --out, or remove it"):
        export_page(run, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_command_says_how_to_see_the_page(run: Run, tmp_path: Path, command: Cli) -> None:
    out = tmp_path / "page"
    assert f"python -m http.server --directory {out}" in command("export", run.path, "--to", "page", "--out", out)
    assert (out / "index.html").is_file()
    message = command.fails("export", run.path, "--to", "page", "--out", tmp_path / "b", "--precision", "int8")
    assert "--precision and --license are only for --to onnx" in message
    message = command.fails("export", run.path, "--to", "page", "--out", tmp_path / "b", "--pixels", "uint8")
    assert "--pixels is only for --to onnx and --to torch" in message


def test_it_asks_no_other_server_and_works_without_a_network(browser: Any, folder: Path, model: CVAE) -> None:
    context = browser.new_context(**DESKTOP)
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with hosted(folder) as address:
        page.goto(address)
        ready(page, "generate")
        page.evaluate("navigator.serviceWorker.ready")
        assert becomes(lambda: page.evaluate("Boolean(navigator.serviceWorker.controller)"))
    assert all(url.startswith((address, "blob:", "data:")) for url in asked), asked
    page.reload()  # the server is gone
    for view in VIEWS:
        page.locator(f"#tab-{view}").click()
        ready(page, view)
    page.locator("#tab-generate").click()
    page.locator(at("generate", ".strip button")).nth(3).click()
    assert settles(page, at("generate", ".large"), image_of(model, 3, [0, 0]))
    context.close()


def test_opened_from_a_file_it_says_how_to_serve_it(browser: Any, folder: Path) -> None:
    page = browser.new_page()
    page.goto(f"file://{folder}/index.html")
    assert "python -m http.server" in page.locator("#loading").inner_text()
    page.close()


def test_a_missing_file_is_named(browser: Any, folder: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(folder, tmp_path / "damaged")
    (tmp_path / "damaged" / "model" / "page.json").unlink()
    page = browser.new_page()
    with hosted(tmp_path / "damaged") as address:
        page.goto(address)
        assert becomes(lambda: "A file of this page is missing (404): page.json" in page.locator("body").inner_text())
    page.close()


def pictures() -> Iterator[tuple[str, Image.Image]]:
    """Pictures of all kinds: drawn, photographed, large, small, inverted, faint, transparent."""
    generator = np.random.default_rng(0)
    stroke = np.zeros((280, 280), np.uint8)
    stroke[60:200, 100:130] = stroke[60:90, 100:200] = 255
    yield "a drawing", Image.fromarray(stroke)
    yield "black on white", Image.fromarray(255 - stroke).convert("RGB")
    yield "faint", Image.fromarray(stroke // 3)
    yield "small", Image.fromarray(stroke).resize((13, 17))
    yield "of the right size", Image.fromarray(stroke).resize((28, 28))
    yield "noise", Image.fromarray(generator.integers(0, 255, (90, 120, 3), dtype=np.uint8))
    colours = np.dstack([stroke, stroke // 2, 255 - stroke])
    yield "coloured", Image.fromarray(colours)
    opacity = np.dstack([stroke // 4, stroke // 4, stroke // 4, stroke])
    yield "transparent", Image.fromarray(opacity, "RGBA")


HABITS = [
    Habits((1, 28, 28), 0.0, 20.0, (13.5, 13.5), by_mass=True),
    Habits((1, 28, 28), 255.0, 17.0, (12.0, 14.0)),
    Habits((3, 20, 24), 10.0, 18.0, (9.5, 11.5)),
    *(Habits((channels, 20, 24), resize=resize) for channels in (1, 3) for resize in ("crop", "pad", "stretch")),
]


@pytest.mark.parametrize("habits", HABITS, ids=str)
def test_pictures_are_prepared_as_by_condvae(page: Any, habits: Habits) -> None:
    for name, picture in pictures():
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        image = base64.b64encode(buffer.getvalue()).decode()
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A") if picture.mode == "RGBA" else None)
        given = {**vars(habits), "shape": list(habits.shape), "centre": list(habits.centre)}
        wanted, steps = prepare(flat, habits)
        found = page.evaluate(PREPARED, [image, given])
        assert found["steps"] == steps, name
        difference = np.abs(np.array(found["pixels"]).reshape(wanted.shape) - wanted.astype(int))
        assert difference.max() <= ROUNDING + (picture.mode == "RGBA"), f"{name}: {difference.max()}"


def test_an_empty_picture_is_refused_in_the_same_words(page: Any) -> None:
    blank = Image.new("L", (50, 50))
    buffer = io.BytesIO()
    blank.save(buffer, "PNG")
    habits = HABITS[0]
    with pytest.raises(InputError) as refusal:
        prepare(blank.convert("RGB"), habits)
    given = {**vars(habits), "shape": list(habits.shape), "centre": list(habits.centre)}
    asked = PREPARED + ".catch((error) => error.message)"
    assert page.evaluate(asked, [base64.b64encode(buffer.getvalue()).decode(), given]) == str(refusal.value)


def test_a_model_of_colours_attributes_and_many_dimensions(browser: Any, rich: RunSession, tmp_path: Path) -> None:
    model = rich.model
    folder = export_page(rich.study.run, tmp_path / "page")
    with hosted(folder) as address, opened(browser, address, "generate") as page:
        for view in VIEWS[1:]:
            page.locator(f"#tab-{view}").click()
            ready(page, view)
        page.locator("#tab-generate").click()
        state = state_of(page)
        assert settles(page, at("generate", ".large"), image_of(model, "a", state["z"], **state["attributes"]))
        prior = page.get_by_label("Draw z from").locator("option")
        assert prior.count() == 1, "there is no mixture without the data"


@pytest.mark.parametrize("conditions", [(), ("label",)])
def test_models_without_labels_and_of_one_class(browser: Any, tmp_path: Path, bars: Dataset, conditions: tuple) -> None:
    model = ModelConfig(latent=1, conditions=conditions, encoder=(8,), decoder=(8,))
    fit(Config(model=model, trainer={"max_epochs": 1}), tmp_path / "run", bars)
    label = bars.train.classes[0] if conditions else None
    folder = export_page(tmp_path / "run", tmp_path / "page")
    with hosted(folder) as address, opened(browser, address, "generate") as page:
        page.locator("#tab-plane").click()
        ready(page, "plane")
        assert settles(page, at("plane", ".large"), image_of(condvae.load(tmp_path / "run"), label, [0]))


def test_heat_maps_are_those_of_the_server(page: Any, study: Study) -> None:
    session = RunSession(study, "run")
    plane = session.map.plane()
    at_centre = session.map.heat_map(plane, "ink", condvae.LatentMap(study).plane().origin, "7").numpy()
    asked = {"measure": "ink", "plane": plane.name, "label": "7", "attributes": {}, "z": [0, 0]}
    script = (
        "asked => import(new URL('explorer/offline/wire.js', document.baseURI)).then((wire) => wire.overlay(asked))"
    )
    found = np.array(page.evaluate(script, asked))
    assert found.shape == at_centre.shape
    assert np.abs(found - at_centre).max() <= (at_centre.max() - at_centre.min()) / 255


def test_vendored_files_are_those_that_were_pinned() -> None:
    for name, pinned in DIGESTS.items():
        assert digest(VENDOR / name) == pinned, f"{name}: run python -m scripts.vendor"
