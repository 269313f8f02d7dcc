"""The views: the code that each shows draws what the page shows, from public names, and a new view needs one file."""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

import condvae
from benchmarks.explorer import free_port
from condvae.evaluation.study import Study
from condvae.explorer.run_session import RunSession
from tests.explorer.browser import VIEWS, at, becomes, explored, link_of, opened, pixels, settles
from tests.explorer.clients import states

PACKAGE = Path(condvae.__file__).parent
LIBRARIES = {"numpy", "torch", "PIL", "condvae"}  # that the code of a view may import, in addition to Python's own
LARGEST_ROUNDING = 1  # of 255: the code of a view decodes one image at a time, and the page several
# the canvases of a view that its code draws, in the order of its images; its latent map is drawn in another way
SHOWN = {
    "generate": (".strip canvas",),
    "plane": ("> .columns .strip canvas",),
    "compare": (".grid canvas",),
    "restyle": ("section:nth-of-type(1) .small", "section:nth-of-type(1) .strip canvas"),
    "animate": (),
    "evidence": (".beside > canvas", ".beside > .strip canvas"),
}
JAVASCRIPT = """
import { actions } from "./actions.js";
import { fill, h } from "./dom.js";
import { paint } from "./paint.js";
import { generate } from "./python.js";
import { current } from "./state.js";
import { decode } from "./wire.js";

export const texts = {
  en: { "title": "Three", "hello": "Here is a three." },
  ko: { "title": "셋", "hello": "셋입니다." },
};

export async function mount(root, model, t, loaded) {
  const canvas = h("canvas", { role: "img", "aria-label": t("hello") });
  const panels = () => [{ tiles: [{ canvas, title: "three" }] }];
  const code = (state) => ({
    lines: [`image = ${generate(model, state, "'3'", "[0, 0]")}`],
    figure: "condvae.tiles(image[None], ['three'])",
    file: "three.png",
  });
  fill(root, h("p", {}, t("hello")), canvas, actions("three", model, t, { panels, code }));
  paint(canvas, await decode({ label: "3", z: [0, 0] }));
  loaded(current());
}
"""


@pytest.fixture(scope="module", params=["session", "rich"])
def view_page(request: pytest.FixtureRequest, browser: Any) -> Iterator[tuple[RunSession, Any]]:
    """A session of grey images with labels or of colour images with further conditions, and its page."""
    session: RunSession = request.getfixturevalue(request.param)
    with explored(session.study.run.path) as address, opened(browser, address, VIEWS[0]) as page:
        yield session, page


def visited(page: Any, view: str, session: RunSession) -> None:
    """Open a view in a state that has everything that it shows."""
    usual = session.description["state"]
    state = {name: one for name, one in states(session)[view].model_dump().items() if one != usual[name]}
    texts = {name: one if isinstance(one, str) else json.dumps(one) for name, one in state.items()}
    link = "&".join(f"{name}={quote(text)}" for name, text in {"view": view, **texts}.items())
    page.goto(f"{link_of(page).split('#')[0]}#{link}")
    page.reload()
    page.wait_for_selector(f"[data-view={view}][data-ready=yes]")
    page.wait_for_load_state("networkidle")


def code_of(page: Any, view: str) -> str:
    """The code that a view shows."""
    button = page.locator(at(view, ".actions")).get_by_role("button", name="Python code")
    button.click()
    code = page.locator(at(view, ".actions pre"))
    assert becomes(lambda: "condvae.load(" in code.inner_text())
    found: str = code.inner_text()
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_the_code_of_a_view_draws_what_the_page_shows(
    view: str, view_page: tuple[RunSession, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, page = view_page
    visited(page, view, session)
    if view == "evidence" and not page.locator(at(view, ".actions")).count():
        assert session.study.given_data is not None, "the server has no training images of a run whose data was given"
        return
    code = code_of(page, view)
    uses_public_names_only(code)
    shown = [
        pixels(page, at(view, selector), index)
        for selector in SHOWN[view]
        for index in range(page.locator(at(view, selector)).count())
    ]
    monkeypatch.chdir(tmp_path)
    if view == "restyle":
        Image.fromarray(shown[0]).save("first.png")
    own = Study(session.study.run, session.study.given_data)
    monkeypatch.setattr(condvae, "Study", lambda _: own, raising=False)
    drawn: list[np.ndarray] = []
    for owner, name, place in ((condvae, "tiles", 0), (condvae, "grids", 0), (condvae.LatentMap, "figure", 3)):
        record(monkeypatch, owner, name, place, drawn)
    exec(compile(code, view, "exec"), {})
    (made,) = set(tmp_path.glob("*.png")) - {tmp_path / "first.png"}
    with Image.open(made) as picture:
        assert picture.width > 100
    channels, height, width = session.model.schema.shape
    images = drawn[0].reshape(-1, channels, height, width)
    if view == "animate":
        with Image.open("animation.gif") as film:
            assert film.n_frames == states(session)[view].steps + 1 == len(images)
    else:
        assert len(images) == len(shown) > 1
        for image, canvas in zip(images, shown, strict=True):
            assert np.abs(image.transpose(1, 2, 0) - canvas.astype(int)).max() <= LARGEST_ROUNDING


def record(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, place: int, drawn: list[np.ndarray]) -> None:
    """Keep an argument of each call of a function."""
    original = getattr(owner, name)

    def recorded(*given: Any) -> Any:
        drawn.append(np.asarray(given[place]))
        return original(*given)

    monkeypatch.setattr(owner, name, recorded, raising=False)


def uses_public_names_only(code: str) -> None:
    """Every name of condvae is in `condvae.__all__`, and nothing of its rooms is imported."""
    tree = ast.parse(code)
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


def test_values_are_written_as_python_writes_them(browser: Any, address: str) -> None:
    values = {
        "text": 'a "b" \n 한',
        "none": None,
        "truth": [True, False],
        "numbers": [1, -0.25, 1e-9, 1e21],
        "deep": {"a": []},
    }
    with opened(browser, address, VIEWS[0]) as page:
        script = (
            "value => import(new URL('explorer/python.js', document.baseURI)).then(python => python.literal(value))"
        )
        assert ast.literal_eval(page.evaluate(script, values)) == values


def test_a_view_is_added_with_one_file(browser: Any, tmp_path: Path) -> None:
    """A copy of the package with one more file, and two lines in the list of views, has one more tab."""
    shutil.copytree(PACKAGE, tmp_path / "condvae", ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / "condvae" / "explorer" / "static"
    (folder / "three.js").write_text(JAVASCRIPT, "utf-8")
    registry = (folder / "views.js").read_text("utf-8")
    listed = registry.replace("compare, restyle", "compare, three, restyle")
    (folder / "views.js").write_text(f'import * as three from "./three.js";\n{listed}', "utf-8")
    port = free_port()
    command = [sys.executable, "-m", "condvae", "explore", "--port", str(port)]
    with subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(tmp_path)}
    ) as process:
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
                assert "condvae.tiles" in code_of(page, "three")
        finally:
            process.kill()
