"""The views: the code that each shows makes its figure from public names, and a new view needs two files."""

import ast
import base64
import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import condvae
from benchmarks.explorer import free_port
from condvae.evaluation.study import Study
from condvae.explorer.page import STATIC
from condvae.explorer.session import Session
from condvae.explorer.view import LANGUAGES, find_views
from tests.explorer.browser import at, becomes, opened, settles
from tests.explorer.clients import serve, states

PACKAGE = Path(condvae.__file__).parent
LIBRARIES = {"numpy", "torch", "PIL", "condvae"}  # that the code of a view may import, in addition to Python's own
VIEWS = tuple(find_views())
PYTHON = """
from condvae.explorer.view import Scene, View, script


def figure(scene: Scene):
    from condvae.report.plots import tiles

    return tiles(scene.draw("3", [0.0, 0.0])[None], ["three"])


def code(scene: Scene) -> str:
    image = scene.draw_code("'3'", "[0.0, 0.0]")
    return script(scene, [f"image = {image}"], "condvae.tiles(image[None], ['three'])", "three.png")


VIEW = View("three", 35, {"en": "Three", "ko": "셋"}, figure, code)
"""
LARGEST_ROUNDING = 1  # of 255: the code of a view decodes one image at a time, and the server several
JAVASCRIPT = """
import { actions } from "./actions.js";
import { fill, h } from "./dom.js";
import { paint } from "./paint.js";
import { current } from "./state.js";
import { images } from "./wire.js";

export const texts = { en: { "hello": "Here is a three." }, ko: { "hello": "셋입니다." } };

export async function mount(root, model, t, loaded) {
  const canvas = h("canvas", { role: "img", "aria-label": t("hello") });
  fill(root, h("p", {}, t("hello")), canvas, actions("three", t));
  paint(canvas, await images("decode", { label: "3", z: [0, 0] }));
  loaded(current());
}
"""


@pytest.fixture(params=["session", "rich"])
def opened_session(request: pytest.FixtureRequest) -> Session:
    """Grey images with labels, and colour images with further conditions."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("view", VIEWS)
def test_the_code_of_a_view_makes_its_figure(
    view: str, opened_session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, state = serve(opened_session), states(opened_session)[view]
    figure = client.post(f"/api/v1/figure?view={view}", json=state.model_dump())
    assert figure.status_code == 200, figure.text
    assert Image.open(io.BytesIO(figure.content)).width > 100
    assert client.post(f"/api/v1/figure?view={view}&format=svg", json=state.model_dump()).text.startswith("<?xml")
    code = client.post(f"/api/v1/code?view={view}", json=state.model_dump()).json()["code"]
    monkeypatch.chdir(tmp_path)
    if view == "restyle":
        Path("first.png").write_bytes(base64.b64decode(state.first))
    own = Study(opened_session.study.run, opened_session.study.given_data)
    monkeypatch.setattr(condvae, "Study", lambda _: own, raising=False)
    exec(compile(code, view, "exec"), {})
    (made,) = set(tmp_path.glob("*.png")) - {tmp_path / "first.png"}
    ours, theirs = (np.asarray(Image.open(io.BytesIO(one)), dtype=int) for one in (made.read_bytes(), figure.content))
    assert np.abs(ours - theirs).max() <= LARGEST_ROUNDING
    if view == "animate":
        path = [stop.model_dump() for stop in state.path]
        film = client.post("/api/v1/animate", json={"path": path, "steps": state.steps, "rate": state.rate})
        assert Path("animation.gif").read_bytes() == film.content


def test_the_example_states_are_of_all_views(session: Session) -> None:
    assert set(states(session)) == set(VIEWS)


@pytest.mark.parametrize("view", VIEWS)
def test_the_code_of_a_view_uses_public_names_only(view: str, opened_session: Session) -> None:
    """Every name of condvae is in `condvae.__all__`, and nothing of its rooms is imported."""
    state = states(opened_session)[view].model_dump()
    tree = ast.parse(serve(opened_session).post(f"/api/v1/code?view={view}", json=state).json()["code"])
    used = [node.attr for node in ast.walk(tree) if is_of_condvae(node)]
    assert used
    assert set(used) <= set(condvae.__all__)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            assert all("." not in name for name in names)
        elif isinstance(node, ast.ImportFrom):
            names = [str(node.module)]
        else:
            continue
        assert {name.split(".")[0] for name in names} <= LIBRARIES | sys.stdlib_module_names
        assert not isinstance(node, ast.ImportFrom) or "condvae" not in names


def is_of_condvae(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "condvae"


def test_every_view_is_two_files_with_titles() -> None:
    for name, view in find_views().items():
        assert (PACKAGE / "explorer" / "views" / f"{name}.py").is_file()
        assert (STATIC / f"{name}.js").is_file()
        assert set(view.titles) == set(LANGUAGES)
    orders = [view.order for view in find_views().values()]
    assert orders == sorted(set(orders))


def test_the_figure_of_restyle_measures_what_the_page_measures(rich: Session) -> None:
    client, state = serve(rich), states(rich)["restyle"].model_dump()
    name = next(variable["name"] for variable in rich.description["attributes"] if not variable["classes"])
    other = {**state, "attributes": {**state["attributes"], name: 5.0}}
    figures = [client.post("/api/v1/figure?view=restyle", json=body).content for body in (state, other)]
    assert figures[0] == figures[1]


def test_a_view_is_added_with_two_files(browser: Any, tmp_path: Path) -> None:
    """A copy of the package with two more files has one more tab, and its figure and code."""
    shutil.copytree(PACKAGE, tmp_path / "condvae", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "condvae" / "explorer"
    (folder / "views" / "three.py").write_text(PYTHON, "utf-8")
    (folder / "static" / "three.js").write_text(JAVASCRIPT, "utf-8")
    port = free_port()
    command = [sys.executable, "-m", "condvae", "explore", "--port", str(port)]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert str(port) in process.stdout.readline()
            with opened(browser, f"http://127.0.0.1:{port}", "three") as page:
                tabs = [tab.inner_text() for tab in page.locator("[role=tab]").all()]
                assert tabs == ["Generate", "Latent map", "Compare", "Three", "Restyle", "Animate", "Evaluation"]
                assert page.get_by_text("Here is a three.").is_visible()
                three = condvae.generate(condvae.load("pretrained"), "3", z=[0, 0])
                assert settles(page, at("three", "canvas"), three[0])
                with page.expect_download() as download:
                    page.locator(at("three", ".actions button")).first.click()
                assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG")
                page.get_by_role("button", name="Python code").last.click()
                assert becomes(lambda: "condvae.tiles" in page.locator(at("three", "pre")).inner_text())
        finally:
            process.kill()
