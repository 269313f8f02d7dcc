"""Take the screenshots of docs/explorer.md. Needs Chromium, and a Korean font such as Debian's fonts-nanum.

python -m scripts.screenshots [VIEW ...]
"""

import json
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import sync_playwright

from benchmarks.explorer import FLAGS, chromium, served
from condvae.data.sources import load_data
from condvae.images import png

OUT = Path("docs/images")
DESKTOP = {"viewport": {"width": 1180, "height": 760}}
PHONE = {"viewport": {"width": 390, "height": 844}, "locale": "ko-KR", "color_scheme": "dark"}


def states() -> dict[str, str]:
    """The state that each view shows, as the part of its address after the name of the view."""
    seven, two = (quote(b64encode(png(image)).decode()) for image in load_data("mnist").test.pixels(slice(2)))
    stops: list[dict[str, Any]] = [
        {"label": label, "z": z, "attributes": {}} for label, z in (("4", [-1, 0.5]), ("9", [1, 0.5]), ("7", [1, -1]))
    ]
    return {
        "generate": "&label=3&z=[0.6,-0.4]",
        "plane": "&label=7&overlay=slant&z=[0.5,0.5]&line=[[-2,-1],[2,1]]",
        "compare": "&label=4&other=9",
        "restyle": f"&first={seven}&second={two}",
        "animate": f"&path={quote(json.dumps(stops))}&steps=8",
        "evidence": "&label=8",
    }


def take(browser: Any, address: str, view: str, state: str, name: str, **options: Any) -> None:
    """Take one screenshot of a view after everything that it requested has arrived."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(f"{address}/#view={view}{state}")
    page.wait_for_selector(f"[data-view={view}][data-ready=yes]", timeout=60_000)
    if view == "animate":
        page.locator("[data-view=animate] button").filter(has_text="Play").click()
        page.wait_for_selector("[data-view=animate] img.large:not([hidden])")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    page.screenshot(path=OUT / name, full_page=view != "evidence")
    print(OUT / name, flush=True)
    context.close()


def main() -> None:
    wanted = states()
    with sync_playwright() as playwright, served(None) as (address, _):
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        for view in sys.argv[1:] or wanted:
            take(browser, address, view, wanted[view], f"explorer-{view}.png", **DESKTOP)
        take(browser, address, "generate", wanted["generate"], "explorer-phone.png", **PHONE)
        browser.close()


if __name__ == "__main__":
    main()
