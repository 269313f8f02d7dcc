"""Record the animated picture of the README: a pointer moves over the map of the explorer. Needs Chromium.

python -m scripts.moving_picture
"""

import io
from math import cos, pi, sin
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw
from playwright.sync_api import sync_playwright

from benchmarks.explorer import FLAGS, chromium, served

OUT = Path("docs/images/explorer.gif")
LABELS = ("7", "3", "8")
FRAMES = 16  # of each label
MILLISECONDS = 130
VIEWPORT: Any = {"width": 1000, "height": 700}
WIDTH = 640  # pixels of the picture
COLOURS = 256


def main() -> None:
    frames = []
    with sync_playwright() as playwright, served(None) as (address, _):
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_context(viewport=VIEWPORT).new_page()
        page.goto(f"{address}/#view=plane&label={LABELS[0]}")
        page.wait_for_selector("[data-view=plane][data-ready=yes]", timeout=60_000)
        view = page.locator("[data-view=plane]")
        for number, label in enumerate(LABELS):
            view.locator(f"input[type=radio][value='{label}']").first.check(force=True)
            chart = view.locator("canvas.map").bounding_box()
            assert chart
            for frame in range(FRAMES):
                angle = 2 * pi * (number + frame / FRAMES) / len(LABELS) * 2
                radius = 0.33 * chart["width"] * (0.55 + 0.45 * cos(1.5 * angle))
                x = chart["x"] + chart["width"] / 2 + radius * cos(angle)
                y = chart["y"] + chart["height"] / 2 + radius * sin(angle)
                page.mouse.move(x, y)
                page.wait_for_timeout(120)
                frames.append(pointed(page.screenshot(), x, y))
        browser.close()
    first, *others = [frame.quantize(COLOURS, dither=Image.Dither.NONE) for frame in frames]
    first.save(OUT, save_all=True, append_images=others, duration=MILLISECONDS, loop=0, optimize=True)
    print(f"{OUT}: {OUT.stat().st_size / 2**20:.1f} MB")


def pointed(screenshot: bytes, x: float, y: float) -> Image.Image:
    """A screenshot with a pointer, which a browser without a screen does not draw."""
    picture = Image.open(io.BytesIO(screenshot)).convert("RGB")
    arrow = [(0, 0), (0, 17), (4, 13), (7, 19), (9, 18), (7, 12), (12, 12)]
    ImageDraw.Draw(picture).polygon([(x + across, y + down) for across, down in arrow], fill="black", outline="white")
    return picture.resize((WIDTH, round(WIDTH * picture.height / picture.width)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main()
