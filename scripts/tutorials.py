"""Run the tutorials in a Jupyter kernel, and write them with their results into docs/tutorials.

python -m scripts.tutorials [NAME ...]

The sources are notebooks as text, which jupytext reads: jupytext --to ipynb tutorials/play.py
"""

import base64
import os
import re
import sys
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

import jupytext
from nbclient import NotebookClient

SOURCES, PAGES = Path("tutorials"), Path("docs/tutorials")
MINUTES = 10
PROGRESS = re.compile(r"\d+(%\|| \w+ \[)")  # what the bar of a progress looks like
SHOWN = 20  # lines of the output of a cell


def main(names: list[str]) -> None:
    """Write the pages of the tutorials that are named, or of all."""
    PAGES.mkdir(exist_ok=True)
    for path in sorted(SOURCES.glob("*.py")):
        if not names or path.stem in names:
            (PAGES / f"{path.stem}.md").write_text(page(path.stem, executed(path)), "utf-8")
            print(PAGES / f"{path.stem}.md", flush=True)


def executed(path: Path) -> Any:
    """A tutorial as a notebook with the results of its cells. It runs in an empty folder.

    Raises:
        CellExecutionError: a cell has failed.
    """
    notebook = jupytext.read(path)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(notebook, timeout=60 * MINUTES, resources={"metadata": {"path": folder}})
        client.execute(env=environment)
        for cell in notebook.cells:
            cell.outputs = [without(folder, output) for output in cell.get("outputs", [])]
    return notebook


def without(folder: str, output: Any) -> Any:
    """A result of a cell without the path of the folder in which the tutorial ran."""
    if "text" in output:
        output["text"] = output["text"].replace(f"{folder}/", "")
    return output


def page(name: str, notebook: Any) -> str:
    """The page of a tutorial: its texts, its code, and the results of each cell."""
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        else:
            parts.append(f"```python\n{cell.source}\n```")
            parts += [text for output in joined(cell.outputs) if (text := shown(name, output))]
    return "\n\n".join([*parts, f"The source of this tutorial is `{SOURCES / name}.py`, a notebook as text."]) + "\n"


def joined(outputs: list[Any]) -> list[Any]:
    """The results of a cell. What it has printed is one of them."""
    printed = "".join(output["text"] for output in outputs if output.get("name") == "stdout")
    others = [output for output in outputs if "name" not in output]
    return [{"text": printed}, *others] if printed else others


def shown(name: str, output: Any) -> str:
    """One result of a cell as Markdown: a picture, which is written to a file, or text."""
    data = output.get("data", {})
    if "image/png" in data or "image/svg+xml" in data:
        drawn = data.get("image/svg+xml", "").encode()
        content = drawn or base64.b64decode(data["image/png"])
        file = f"{name}-{sha256(content).hexdigest()[:8]}.{'svg' if drawn else 'png'}"
        (PAGES / file).write_bytes(content)
        return f"![The result of the cell]({file})"
    text = output.get("text") or data.get("text/plain", "")
    lines = [line.rstrip() for line in text.splitlines() if line.strip() and not PROGRESS.search(line)]
    lines = lines if len(lines) <= SHOWN else [*lines[: SHOWN - 1], "..."]
    return "```text\n" + "\n".join(lines) + "\n```" if lines else ""


if __name__ == "__main__":
    main(sys.argv[1:])
