"""The page without a server on a graphics card: WebGPU, which Chromium imitates here."""

from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.explorer import FLAGS, chromium, hosted
from condvae.explorer.offline.folder import CARD, export_page
from condvae.model.cvae import CVAE
from condvae.run import Run
from tests.explorer.browser import DESKTOP, at, image_of, ready, settles

CARD_FLAGS = [
    *(flag for flag in FLAGS if flag != "--disable-gpu"),
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
]
ENGINE = "async () => (await import(new URL('explorer/offline/wire.js', document.baseURI))).engine()"
# script in the page that takes the imitated card for a real one, and draws once, after which both engines are timed
RACE = """async () => {
  Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", { get: () => false });
  const { fastest } = await import(new URL("explorer/offline/engines.js", document.baseURI));
  window.decode = fastest(new URL("model/decode.onnx", document.baseURI), null);
  const y = { type: "float32", data: Float32Array.of(1, ...Array(9).fill(0)), dims: [1, 10] };
  await window.decode({ z: { type: "float32", data: Float32Array.of(0, 0), dims: [1, 2] }, y });
}"""


@pytest.fixture(scope="module")
def address(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with hosted(export_page(run, tmp_path_factory.mktemp("card") / "page")) as found:
        yield found


@pytest.fixture(scope="module")
def context(browser: Any) -> Iterator[Any]:
    """Another browser of the same Playwright: a process can have only one at a time."""
    other = browser.browser_type.launch(executable_path=chromium(), args=CARD_FLAGS)
    yield other.new_context(**DESKTOP)
    other.close()


def visited(context: Any, address: str) -> tuple[Any, list[str]]:
    """A page that is ready, and the names of the files that it asks for."""
    page, asked = context.new_page(), []
    context.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.goto(address)
    ready(page, "generate")
    return page, asked


def test_the_card_draws_what_the_processor_draws(context: Any, address: str, model: CVAE) -> None:
    page, _ = visited(context, f"{address}/?engine=webgpu")
    page.locator(at("generate", ".strip button")).nth(3).click()
    assert settles(page, at("generate", ".large"), image_of(model, 3, [0, 0]))
    assert page.evaluate(ENGINE) == "webgpu"
    page.close()


def test_an_imitated_card_is_not_tried(context: Any, address: str) -> None:
    page, asked = visited(context, f"{address}/?other")
    page.wait_for_timeout(3000)
    assert page.evaluate(ENGINE) == "wasm"
    assert not set(CARD) & set(asked)
    page.close()


def test_the_processor_stays_if_the_card_is_slower(context: Any, address: str) -> None:
    page, asked = visited(context, f"{address}/?engine=wasm")
    page.evaluate(RACE)
    page.wait_for_timeout(8000)
    assert set(CARD) <= set(asked), "the card is tried"
    assert page.evaluate("window.decode.engine") == "wasm"
    page.close()
