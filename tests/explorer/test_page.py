"""The page as a whole in real Chromium: tabs, texts, accessibility, figures and code, and models of any kind."""

import json
import re
from collections.abc import Callable
from itertools import cycle, product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe

import condvae
from condvae.config import Config, ModelConfig
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.explorer.page import STATIC
from condvae.model.cvae import CVAE
from condvae.run import Run
from tests.conftest import as_text
from tests.explorer.browser import (
    DESKTOP,
    LANGUAGES,
    LOADS,
    PHONE,
    VIEWS,
    at,
    becomes,
    drag,
    either,
    explored,
    has_server,
    image_of,
    is_narrow,
    link_of,
    opened,
    pixels,
    ready,
    settles,
    state_of,
)

WIDTHS, THEMES, LOCALES = (390, 820, 1280, 2560), ("light", "dark"), ("en-US", "ko-KR")
on_desktop = pytest.mark.parametrize("device", [DESKTOP], ids=["desktop"], indirect=True)
# the first view on a phone as well, the others on a phone only among the slow tests
PLACES = [
    pytest.param(device, view, id=f"{name}-{view}", marks=pytest.mark.slow if slow else ())
    for name, device in (("desktop", DESKTOP), ("phone", PHONE))
    for view in VIEWS
    for slow in [device is PHONE and view != VIEWS[0]]
]


@pytest.mark.parametrize(("view", "kind"), list(zip(VIEWS, cycle(["PNG", "SVG"]), strict=False)))
@on_desktop
def test_every_view_has_its_figure_and_its_code(visit: Callable, view: str, kind: str, mnist: Dataset) -> None:
    stops = [{"label": label, "z": [place, place], "attributes": {}} for place, label in enumerate(("1", "2"))]
    image = as_text(mnist.test.images[0, 0])
    state = {"animate": f"&path={quote(json.dumps(stops))}", "restyle": f"&first={quote(image)}"}.get(view, "")
    page = visit(view, state)
    if view == "restyle":
        page.locator(at(view, ".strip canvas")).first.wait_for(timeout=LOADS)
    actions = page.locator(at(view, ".actions"))
    if view == "evidence" and not has_server(page):
        assert not actions.count(), "without training images there is nothing to draw"
        return
    with page.expect_download(timeout=LOADS) as download:
        actions.get_by_role("button", name=re.compile(kind)).click()
    assert Path(download.value.path()).read_bytes().startswith(b"\x89PNG" if kind == "PNG" else b"<?xml")
    actions.get_by_role("button", name=either("Python code", "파이썬 코드")).click()
    assert becomes(lambda: "condvae.load(" in actions.locator("pre").inner_text())
    page.evaluate("import(new URL('explorer/state.js', document.baseURI)).then(state => state.change({ seed: 7 }))")
    assert becomes(lambda: actions.locator("pre").is_hidden()), "the code of an earlier figure is hidden"


@pytest.mark.parametrize(("device", "view"), PLACES, indirect=["device"])
def test_every_view_is_accessible(visit: Callable, view: str) -> None:
    """Axe finds nothing, and nothing is wider than the page."""
    page = visit(view)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing sticks out"
    assert page.evaluate("document.documentElement.lang") == ("ko" if is_narrow(page) else "en")
    assert page.locator("[role=tab]").first.inner_text() == ("생성" if is_narrow(page) else "Generate")
    tabs = page.locator("[role=tab]").all()
    assert len({round(tab.bounding_box()["y"]) for tab in tabs}) == 1, "all tabs are beside each other"
    assert len(tabs) == len(VIEWS)


def violations(page: Any) -> list[str]:
    """What axe-core finds wrong with the accessibility of a page."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]


@pytest.mark.slow
@pytest.mark.parametrize("form", ["folder"], indirect=True)
@pytest.mark.parametrize(("width", "theme", "locale"), list(product(WIDTHS, THEMES, LOCALES)))
def test_every_view_is_accessible_everywhere(browser: Any, form: str, width: int, theme: str, locale: str) -> None:
    size = {"width": width, "height": width * 3 // 4}
    with opened(browser, form, VIEWS[0], viewport=size, color_scheme=theme, locale=locale) as page:
        for view in VIEWS:
            page.locator(f"#tab-{view}").click()
            ready(page, view)
            assert violations(page) == [], view
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), view


def test_tabs_change_the_address(browser: Any, address: str) -> None:
    with opened(browser, address, VIEWS[0]) as page:
        for view in VIEWS[::-1]:
            page.locator(f"#tab-{view}").click()
            ready(page, view)
            assert becomes(lambda view=view: (f"view={view}" in link_of(page)) == (view != VIEWS[0]))


@on_desktop
def test_a_link_holds_although_the_page_writes_its_own_address(visit: Callable) -> None:
    """The page writes its address some time after a change, which may be just after a link was followed."""
    page = visit(VIEWS[0])
    page.evaluate(f"location.hash = 'view={VIEWS[1]}'; history.replaceState(null, '', '#')")
    ready(page, VIEWS[1])
    assert becomes(lambda: f"view={VIEWS[1]}" in link_of(page))


@on_desktop
def test_both_languages_have_the_same_texts(visit: Callable) -> None:
    """Every text is there in both languages, with the same values in it, and is used."""
    page = visit(VIEWS[0])
    shared = {name: json.loads((STATIC / f"{name}.json").read_text("utf-8")) for name in LANGUAGES}
    for view in VIEWS:
        own = page.evaluate(f"import(new URL('explorer/{view}.js', document.baseURI)).then(view => view.texts)")
        assert own.keys() == shared.keys() == set(LANGUAGES)
        for english, korean in ((one["en"], one["ko"]) for one in (own, shared)):
            assert english.keys() == korean.keys()
            for name, text in english.items():
                assert sorted(re.findall(r"\{\d\}", text)) == sorted(re.findall(r"\{\d\}", korean[name])), name
        assert not own["en"].keys() & shared["en"].keys(), f"{view} repeats a shared text"
        source = (STATIC / f"{view}.js").read_text("utf-8")
        assert set(re.findall(r'\bt\("([\w-]+)"', source)) <= own["en"].keys() | shared["en"].keys()
    everything = "".join(path.read_text("utf-8") for path in STATIC.glob("*.js"))
    for name in shared["en"]:
        assert f'"{name}"' in everything, f"the shared text '{name}' is not used"


def test_the_pretrained_model_opens_without_a_run(browser: Any) -> None:
    model = condvae.load("pretrained")
    with explored() as address, opened(browser, address, "generate") as page:
        assert settles(page, at("generate", ".large"), image_of(model, 0, [0, 0]))
        assert page.title() == page.locator("#title").inner_text().strip() == "condvae"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory, mnist: Dataset) -> Path:
    """A model with 64 latent dimensions, and three conditions in addition to the label."""
    model = ModelConfig(latent=64, conditions=("label", "slant", "thickness", "ink"), encoder=(8,), decoder=(8,))
    return trained(model, tmp_path_factory.mktemp("many") / "run", mnist)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of colour images of a single class, whose data is not available."""
    colours = np.random.default_rng(0).integers(0, 255, (40, 3, 64, 48), dtype=np.uint8)
    part = LabelledImages(colours, np.zeros(40, np.int64), ("only",))
    model = ModelConfig(latent=3, encoder=(8,), decoder=(8,))
    return trained(model, tmp_path_factory.mktemp("one") / "run", Dataset("gone", part, part))


def trained(model: ModelConfig, path: Path, data: Dataset) -> Path:
    from condvae.training.fit import fit

    fit(Config(model=model, trainer={"max_epochs": 1, "limit_train_batches": 20, "limit_val_batches": 1}), path, data)
    return path


def open_all(page: Any, classes: int) -> None:
    """Open every view, and look at the map."""
    for view in VIEWS[1:]:
        page.locator(f"#tab-{view}").click()
        ready(page, view)
    page.locator("#tab-plane").click()
    assert page.locator(at("plane", ".legend li")).count() == classes
    colours = {tuple(colour) for colour in pixels(page, at("plane", ".map")).reshape(-1, 3)[::7]}
    assert len(colours) > 20, "the map has points"
    page.locator("#tab-generate").click()


def test_a_model_with_many_dimensions_and_conditions_opens(browser: Any, many: Path) -> None:
    model: CVAE = condvae.load(many)
    with explored(many) as address, opened(browser, address, "generate") as page:
        open_all(page, classes=10)
        assert page.locator(at("generate", ".sliders input[type=range]")).count() == 64
        drag(page, at("generate", ".controls > .field input[type=range]"), (0.5, 0.5), (0.9, 0.5))
        state = state_of(page)
        assert state["attributes"]["slant"] > model.conditions.typical["slant"]
        assert settles(page, at("generate", ".large"), image_of(model, 0, state["z"], **state["attributes"]))


def test_a_model_of_one_class_without_data_opens(browser: Any, one: Path) -> None:
    with explored(one) as address, opened(browser, address, "generate") as page:
        open_all(page, classes=1)
        assert settles(page, at("generate", ".large"), image_of(condvae.load(one), "only", [0, 0, 0]))


def test_a_model_without_labels_opens(browser: Any, run: Run) -> None:
    with explored(run.path / "autoencoder") as address, opened(browser, address, "generate") as page:
        open_all(page, classes=10)
