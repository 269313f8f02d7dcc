"""Lighthouse's judgement of the page without a server, of the shipped model. It needs npm and Chromium.

Lighthouse slows the page down for its form factor "mobile": a phone with a slow connection, simulated.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.explorer import FLAGS, chromium, hosted
from benchmarks.harness import arguments, publish, spread
from condvae.explorer.offline.folder import CARD, export_page
from condvae.run import PRETRAINED

PACKAGE = "lighthouse@12.8.2"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
AUDITS = {  # of Lighthouse, with a unit that its number is divided by
    "largest contentful paint, s": ("largest-contentful-paint", 1000),
    "interactive, s": ("interactive", 1000),
    "layout shift": ("cumulative-layout-shift", 1),
    "transferred, MB": ("total-byte-weight", 1_000_000),
}
FORMS = {"mobile": [], "desktop": ["--preset=desktop"]}


def judged(address: str, form: Sequence[str], folder: Path) -> dict[str, float]:
    """What Lighthouse measures of a page: its scores from 0 to 100, and some of its audits."""
    path = folder / "lighthouse.json"
    flags = " ".join(["--headless=new", *FLAGS])
    chosen = ["--output=json", f"--output-path={path}", f"--only-categories={','.join(CATEGORIES)}", "--quiet"]
    subprocess.run(
        ["npx", "--yes", PACKAGE, address, *chosen, f"--chrome-flags={flags}", *form],
        check=True,
        env={**os.environ, "CHROME_PATH": chromium() or ""},
    )
    report = json.loads(path.read_text("utf-8"))
    scores = {name: 100 * report["categories"][name]["score"] for name in CATEGORIES}
    return scores | {name: report["audits"][audit]["numericValue"] / unit for name, (audit, unit) in AUDITS.items()}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = export_page(PRETRAINED, folder / "page")
        with hosted(page) as address:
            rounds = [
                {form: judged(address, more, folder) for form, more in FORMS.items()} for _ in range(options.segments)
            ]
        sizes = sizes_of(page)
    rows = [
        {"form factor": form, **{key: str(spread([one[form][key] for one in rounds])) for key in rounds[0][form]}}
        for form in FORMS
    ]
    tables = {"The page without a server": rows, "Its files": sizes}
    return publish("lighthouse", options.out, tables, rounds=rounds)


def sizes_of(page: Path) -> list[dict[str, str]]:
    """The size of the files of a page on disk, and as a server with gzip sends them, in MB."""
    every = {path: path.read_bytes() for path in page.rglob("*") if path.is_file()}
    parts = {
        "all that is kept for use without a network": [one for path, one in every.items() if path.name not in CARD],
        "more where there is a graphics card": [one for path, one in every.items() if path.name in CARD],
    }
    return [
        {
            "files": name,
            "MB": f"{sum(map(len, contents)) / 1e6:.1f}",
            "with gzip, MB": f"{sum(len(gzip.compress(one)) for one in contents) / 1e6:.1f}",
        }
        for name, contents in parts.items()
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
