"""A hook of MkDocs: the page "Command line" is generated from the parsers of the commands."""

import os
from typing import Any

PAGE = "command-line.md"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Append the help of every command to the page."""
    return markdown + reference() if page.file.src_uri == PAGE else markdown


def reference() -> str:
    """A section for each command with its help."""
    os.environ["COLUMNS"] = "100"  # the width to which argparse breaks lines
    from condvae.cli.main import parsers

    return "".join(f"\n## condvae {name}\n\n```text\n{parser.format_help()}```\n" for name, parser in parsers())
