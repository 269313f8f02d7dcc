"""Writes the page without a server: a folder that any static web server can serve."""

import json
import shutil
from hashlib import sha256
from pathlib import Path
from typing import Any

from PIL import Image

from condvae.evaluation.study import Study
from condvae.explorer.offline.contents import contents_of
from condvae.explorer.offline.graphs import page_graphs
from condvae.explorer.page import FOLDER, INDEX, STATIC
from condvae.explorer.run_session import RunSession
from condvae.export.comparison import new_folder, require_possible
from condvae.export.onnx import export_graphs
from condvae.images import to_pillow
from condvae.inference.drawing import Drawing
from condvae.run import Run, name_of

MARK = "<!-- a page without a server has more here -->"  # in static/index.html
CARD = ("ort.jspi.bundle.min.mjs", "jspi.wasm.packed")  # what only browsers with a graphics card load
ICONS = (192, 512)  # pixels, that a browser needs to install the page


def export_page(run: Run | Path | str, out: Path) -> Path:
    """Write the explorer of a run as a folder that any static web server can serve.

    The graphs of the model run in onnxruntime and are compared with the model. The folder is written whole or not at
    all. It holds no training images, and no image of the test data.

    Args:
        run: a finished run, its folder, its address on the Hub, or "pretrained".
        out: the new folder.

    Raises:
        ExportError: a graph differs from the model.
        RunError: the run is unfinished or damaged, or `out` exists.
        StorageError: the folder cannot be written.
    """
    require_possible(out)
    session = RunSession(Study(run), name_of(run))
    with new_folder(out) as part:
        (part / "model").mkdir()
        write_model(session, part / "model")
        write_page(session, part)
    return out


def write_model(session: RunSession, folder: Path) -> None:
    """Write the graphs of the model, and what the page shows of its data."""
    contents = contents_of(session)
    graphs = page_graphs(session.model, session.mixture, session.study.judge if session.map.has_judge else None)
    export_graphs(graphs, folder)
    (folder / "page.json").write_text(json.dumps(contents.page, allow_nan=False, separators=(",", ":")), "utf-8")
    (folder / "codes.bin").write_bytes(contents.codes)
    (folder / "heat.bin").write_bytes(contents.heat)


def write_page(session: RunSession, folder: Path) -> None:
    """Write the page itself, and what a browser needs to install it and to open it without a network."""
    shutil.copytree(STATIC, folder / FOLDER, ignore=shutil.ignore_patterns(INDEX.name, "without-server.html", "sw.js"))
    more = (STATIC / "offline" / "without-server.html").read_text("utf-8")
    (folder / INDEX.name).write_text(INDEX.read_text("utf-8").replace(MARK, more.strip()), "utf-8")
    icons = [_icon(session, folder, side) for side in ICONS]
    manifest = {
        "name": session.title,
        "short_name": session.title,
        "display": "standalone",
        "start_url": ".",
        "background_color": "#121419",
        "theme_color": "#0b5cbd",
        "icons": icons,
    }
    (folder / "manifest.webmanifest").write_text(json.dumps(manifest), "utf-8")
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    digest = sha256(b"".join((folder / name).read_bytes() for name in files)).hexdigest()[:16]
    worker = (STATIC / "offline" / "sw.js").read_text("utf-8")
    later = [name for name in files if Path(name).name in CARD]
    constants = {"VERSION": digest, "FILES": ["./", *(name for name in files if name not in later)], "LATER": later}
    lines = [f"const {name} = {json.dumps(value)};\n" for name, value in constants.items()]
    (folder / "sw.js").write_text("".join(lines) + worker, "utf-8")


def _icon(session: RunSession, folder: Path, side: int) -> dict[str, Any]:
    """Write an icon: the image of the first label at the centre of the latent space."""
    model = session.model
    label = model.conditions.classes[0] if model.conditions.classes else None
    images, _ = Drawing(model, label, attributes=session.filled({}), z=[0.0] * model.config.latent).piece(0, 1)
    picture = to_pillow(images[0], 1).convert("RGB")
    name = f"icon-{side}.png"
    picture.resize((side, side), Image.Resampling.BICUBIC).save(folder / name)
    return {"src": name, "sizes": f"{side}x{side}", "type": "image/png", "purpose": "any"}
