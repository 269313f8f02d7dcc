"""A hook of mkdocs: with CONDVAE_TRY=1, the site has the explorer of the model that ships, first on its first page.

`make site` sets it. Exporting the explorer takes a minute, so that `make docs`, which checks the pages, leaves it out.
"""

import os
import shutil
from pathlib import Path
from typing import Any

from condvae.explorer.offline.folder import export_page
from condvae.run import PRETRAINED

FOLDER, FIRST = "try", "index.md"
SECTION = f"""## Try it now

<iframe src="{FOLDER}/?embed" title="The explorer of the model that ships with condvae" loading="lazy"
  style="width: 100%; height: 46rem; border: 1px solid var(--md-default-fg-color--lightest)"></iframe>

This runs in your browser. <a href="{FOLDER}/">Open it on a page of its own</a>, where it can be installed like an app,
or [make such a page of your own model](share.md#a-web-page).

"""


def is_wanted() -> bool:
    return os.environ.get("CONDVAE_TRY") == "1"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Put the explorer before the first section of the first page."""
    if not is_wanted() or page.file.src_uri != FIRST:
        return markdown
    return markdown.replace("## ", f"{SECTION}## ", 1)


def on_post_build(config: Any) -> None:
    """Export the explorer into the site."""
    if is_wanted():
        out = Path(config["site_dir"]) / FOLDER
        shutil.rmtree(out, ignore_errors=True)
        export_page(PRETRAINED, out)
