"""A Gradio page: choose a label, move the sliders, and the image follows. The only module that imports Gradio."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from condvae.errors import StorageError
from condvae.images import png
from condvae.model import CVAE
from condvae.sampling import generate

LIMIT = 5.0
STEP = 0.05
MOST_BUTTONS = 20
STYLE = """
.condvae-image img { width: min(20rem, 80vw); image-rendering: pixelated; background: black; border-radius: .4rem }
.condvae-strip { display: flex; flex-wrap: wrap; gap: .5rem }
.condvae-strip figure { margin: 0; text-align: center }
.condvae-strip img { width: 4rem; image-rendering: pixelated; border: 3px solid transparent; border-radius: .4rem }
.condvae-strip .chosen img { border-color: var(--color-accent) }
"""


def build_app(model: CVAE, title: str) -> gr.Blocks:
    """The page for one model: its labels, one slider per latent dimension, the image, and all labels at this z.

    Args:
        model: a trained model.
        title: the heading of the page.
    """
    classes = model.conditions.classes

    def show(*values: float | str) -> tuple[str, str]:
        chosen = str(values[0]) if classes else None
        z = np.asarray(values[1:] if classes else values, np.float32)
        return image_html(model, chosen, z), strip_html(model, chosen, z)

    with gr.Blocks(title=f"condvae: {title}", analytics_enabled=False) as app:
        gr.Markdown(f"# {title}\nChoose a label and move the sliders: the label decides what is drawn, z its style.")
        with gr.Row():
            with gr.Column():
                choice = _choice(classes)
                sliders = [
                    gr.Slider(-LIMIT, LIMIT, 0.0, step=STEP, label=f"z{index}", elem_id=f"z{index}")
                    for index in range(model.config.latent)
                ]
            with gr.Column():
                image = gr.HTML(elem_id="image", elem_classes="condvae-image")
        strip = gr.HTML(elem_id="strip")
        controls = [*choice, *sliders]
        app.load(show, controls, [image, strip], show_progress="hidden")
        gr.on(
            [control.input for control in controls],
            show,
            controls,
            [image, strip],
            show_progress="hidden",
            trigger_mode="always_last",
            queue=False,
            api_name="show",
        )
    return app


def explore(model: CVAE, title: str, host: str, port: int) -> None:
    """Serve the page until Ctrl-C.

    Raises:
        StorageError: the port is in use or may not be used.
    """
    try:
        app = build_app(model, title)
        app.launch(
            server_name=host,
            server_port=port,
            share=False,
            css=STYLE,
            quiet=True,
            footer_links=[],
            prevent_thread_lock=True,
        )
    except OSError as error:
        raise StorageError(
            f"Port {port} on {host} cannot be used ({error}): it is taken by another program, or not allowed. "
            "Choose another with --port."
        ) from error
    print(f"Explore {title} at http://{host}:{port} (Ctrl-C stops it).", flush=True)
    app.block_thread()


def image_html(model: CVAE, label: str | None, z: NDArray[np.float32]) -> str:
    """The image of a label at z, (Z,), as an HTML picture."""
    return _picture(generate(model, label, z=z)[0], _name(label))


def strip_html(model: CVAE, chosen: str | None, z: NDArray[np.float32]) -> str:
    """The images of all labels at z, (Z,), the chosen one marked; empty for a model without labels."""
    classes = model.conditions.classes
    if not classes:
        return ""
    parts = [
        f'<figure class="{"chosen" if name == chosen else ""}">{_picture(image, _name(name))}'
        f"<figcaption>{escape(name)}</figcaption></figure>"
        for name, image in zip(classes, generate(model, classes, z=z), strict=True)
    ]
    return f'<div class="condvae-strip" aria-label="all labels at this z">{"".join(parts)}</div>'


def _choice(classes: Sequence[str]) -> list[gr.Radio | gr.Dropdown]:
    if not classes:
        return []
    kind = gr.Radio if len(classes) <= MOST_BUTTONS else gr.Dropdown
    return [kind(list(classes), value=classes[0], label="label", elem_id="label")]


def _name(label: str | None) -> str:
    return "generated image" if label is None else f"label {label}"


def _picture(image: NDArray[np.uint8], name: str) -> str:
    data = b64encode(png(image)).decode("ascii")
    return f'<img alt="{escape(name)}" src="data:image/png;base64,{data}">'
