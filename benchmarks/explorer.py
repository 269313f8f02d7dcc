"""The explorer: from the pointer to new pixels in Chromium, from the command to a page, and many clients at once.

The models have the architecture of their recipes and untrained weights, which does not change how long anything takes,
and one is the model that ships with condvae.
"""

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any

import torch

from benchmarks.decoding import DIGITS
from benchmarks.harness import arguments, difference, in_turn, publish, resident_mb, spread
from condvae.explorer.offline.folder import export_page
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.recipe import load_recipe
from condvae.run import PRETRAINED, Run

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PAUSE = 0.03  # seconds between two movements of the pointer
RATE = 10  # requests of a client in a second
WARM_UP = 30  # movements before the clock starts
SLIDER = ".sliders input[type=range]"
ONE, TEN = "one image", "with the strip of ten"
SERVER, FOLDER = "server", "folder"  # the forms of the page
MODELS = ("paper", "plane", "conv", PRETRAINED)
# script in the page that finds the movement of the pointer that new pixels belong to, by the place on the plane
WATCH = """async ([view, canvas]) => {
  const { MOVED, at, whole } = await import(new URL("explorer/map.js", document.baseURI));
  const { onto } = await import(new URL("explorer/geometry.js", document.baseURI));
  const wire = await import(new URL("explorer/wire.js", document.baseURI));
  const { limits: { extent } } = await wire.describe();
  const plane = await wire.plane("0,1");
  const target = document.querySelector(`[data-view=${view}] ${canvas}`);
  const moves = [];
  window.latencies = [];
  target.addEventListener(MOVED, (event) => moves.push([event.timeStamp, at(event, target, whole(extent))]), true);
  document.addEventListener("condvae-drawn", (event) => {
    const now = performance.now();
    const [a, b] = onto(plane, event.detail.z);
    const found = moves.findLast(([, place]) => Math.abs(place[0] - a) + Math.abs(place[1] - b) < 1e-6);
    if (found) window.latencies.push(now - found[0]);
  });
}"""
# the same for a slider, by its value
WATCH_SLIDER = """(view) => {
  const target = document.querySelector(`[data-view=${view}] .sliders input[type=range]`);
  const moves = [];
  window.latencies = [];
  target.addEventListener("input", (event) => moves.push([event.timeStamp, target.valueAsNumber]), true);
  document.addEventListener("condvae-drawn", (event) => {
    const now = performance.now();
    const found = moves.findLast(([, value]) => event.detail.z.includes(value));
    if (found) window.latencies.push(now - found[0]);
  });
}"""


def chromium() -> str | None:
    """The browser of this machine, or None for the one that 'playwright install chromium' installs."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def write_run(recipe: str, folder: Path) -> Path:
    """Write a run with the architecture of a recipe and untrained weights."""
    config = load_recipe(recipe)
    torch.manual_seed(0)
    path = folder / recipe
    path.mkdir()
    save_model(Run(path), CVAE(config.model, DIGITS), config, {})
    return path


@contextmanager
def served(run: Path | None) -> Iterator[tuple[str, int]]:
    """The explorer of a run or of the pretrained model, started as a user starts it: its address and its process id."""
    port = free_port()
    with subprocess.Popen(explore(run, port), stdout=subprocess.DEVNULL) as process:
        try:
            answered(port, process)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.kill()


@contextmanager
def hosted(folder: Path) -> Iterator[str]:
    """The address of a folder on a static web server."""
    handler = partial(Quiet, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def explore(run: Path | None, port: int) -> list[str]:
    """The command that explores a run, or the pretrained model."""
    return [sys.executable, "-m", "condvae", "explore", *([str(run)] if run else []), "--port", str(port)]


def free_port() -> int:
    """A port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answered(port: int, process: subprocess.Popen[Any]) -> None:
    """Wait until the page answers."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as page:
                if page.status == 200:
                    return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"The explorer ended with the exit status {process.returncode}.")


def latencies(browser: Any, address: str, view: str, canvas: str, moves: int) -> list[float]:
    """Milliseconds from an event of the pointer to its pixels, measured by the page itself."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{address}/#view={view}&plane=0,1")
    page.wait_for_selector(f"[data-view={view}][data-ready=yes]", timeout=60_000)
    selector = f"[data-view={view}] {canvas}"
    page.locator(selector).first.scroll_into_view_if_needed()
    box = page.locator(selector).first.bounding_box()
    if canvas.startswith("canvas"):
        page.evaluate(WATCH, [view, canvas])
    else:
        page.evaluate(WATCH_SLIDER, view)
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, middle)
    if view == "generate":
        page.mouse.down()
    for step in range(moves + WARM_UP):
        if step == WARM_UP:
            page.evaluate("window.latencies.length = 0")
        share = 0.5 + 0.4 * (((step * 37) % 101) / 101 - 0.5)
        page.mouse.move(box["x"] + box["width"] * share, middle + (step % 7 if canvas.startswith("canvas") else 0))
        time.sleep(PAUSE)
    page.wait_for_timeout(500)
    found: list[float] = page.evaluate("window.latencies")
    page.close()
    if len(found) < moves / 2:
        raise RuntimeError(f"Only {len(found)} of {moves} movements became pixels.")
    return found


def latency_rows(browser: Any, folder: Path, models: int, segments: int, moves: int) -> list[dict[str, Any]]:
    """A row for each model, form of the page and view. All of them take turns, several times."""
    found: dict[tuple[str, str, str], list[list[float]]] = {}
    with ExitStack() as servers:
        addresses = {}
        for recipe in MODELS[:models]:
            run = None if recipe == PRETRAINED else write_run(recipe, folder)
            exported = export_page(run or PRETRAINED, folder / f"{recipe}-page")
            addresses[recipe, SERVER] = servers.enter_context(served(run))[0]
            addresses[recipe, FOLDER] = servers.enter_context(hosted(exported))
        for _, ((recipe, form), address) in product(range(segments), addresses.items()):
            pad = SLIDER if recipe == "conv" else "canvas.pad"
            for view, canvas, what in (("plane", "canvas.map", ONE), ("generate", pad, TEN)):
                values = sorted(latencies(browser, address, view, canvas, moves))
                found.setdefault((recipe, form, what), []).append(values)
    return [
        {
            "model": recipe,
            "page": form,
            "what": what,
            "median, ms": spread([median(values) for values in every]),
            "95th percentile, ms": spread([values[int(0.95 * len(values))] for values in every]),
            "movements": sum(map(len, every)),
        }
        for (recipe, form, what), every in found.items()
    ]


def started(run: Path | None) -> float:
    """Seconds from the command to a page that answers."""
    port, begun = free_port(), time.perf_counter()
    with subprocess.Popen(explore(run, port), stdout=subprocess.DEVNULL) as process:
        answered(port, process)
        seconds = time.perf_counter() - begun
        process.kill()
    return seconds


def imported() -> float:
    """Seconds to import PyTorch alone."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.perf_counter() - begun


async def client(port: int, seconds: float, offset: float) -> tuple[list[float], int]:
    """One client on one connection: milliseconds from the scheduled time of each request to its answer, and errors."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found, errors, begun = [], 0, time.perf_counter() + offset / RATE
    for number in range(int(seconds * RATE)):
        due = begun + number / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        body = json.dumps({"label": str(number % 10), "z": [offset, number % 3 - 1]}).encode()
        writer.write(
            b"POST /api/v1/decode?format=raw HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        content = await reader.readexactly(size)
        errors += not head.startswith(b"HTTP/1.1 200") or len(content) != 784
        found.append(1000 * (time.perf_counter() - due))
    writer.close()
    return found, errors


async def crowd(port: int, clients: int, seconds: float) -> list[tuple[list[float], int]]:
    """Many clients at the same time."""
    return list(await asyncio.gather(*(client(port, seconds, number / clients) for number in range(clients))))


def load_row(folder: Path, clients: int, seconds: int) -> dict[str, Any]:
    """The latencies that many clients see, and the memory of the server before and after."""
    with served(folder / "paper") as (address, process):
        port = int(address.rsplit(":", 1)[1])
        asyncio.run(crowd(port, clients, min(5, seconds)))
        before = resident_mb(process)
        results = asyncio.run(crowd(port, clients, seconds))
        after = resident_mb(process)
    values = sorted(value for found, _ in results for value in found)
    return {
        "clients": clients,
        "requests": len(values),
        "errors": sum(errors for _, errors in results),
        "median, ms": f"{median(values):.1f}",
        "95th percentile, ms": f"{values[int(0.95 * len(values))]:.1f}",
        "largest, ms": f"{values[-1]:.0f}",
        "memory before, MB": f"{before:.0f}",
        "memory after, MB": f"{after:.0f}",
    }


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    options = arguments(__doc__, argv, models=len(MODELS), moves=150, segments=5, clients=50, seconds=60)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
            rows = latency_rows(browser, folder, options.models, options.segments, options.moves)
            browser.close()
        begun = in_turn({"import torch": imported, "condvae explore": lambda: started(None)}, options.segments)
        load = load_row(folder, options.clients, options.seconds)
    starts = [{"side": side, "seconds": spread(values)} for side, values in begun.items()]
    starts.append({"side": "difference", "seconds": difference(begun["condvae explore"], begun["import torch"])})
    tables = {
        "From the pointer to new pixels": rows,
        "From the command to a page that answers": starts,
        f"Clients at {RATE} requests a second each": [load],
    }
    return publish("explorer", options.out, tables, seconds=begun)


if __name__ == "__main__":
    main(sys.argv[1:])
