"""A Gradio page: choose a label, move the sliders, and the image follows. The only module that imports Gradio."""

from base64 import b64encode
from html import escape

import gradio as gr
import numpy as np
from numpy.typing import NDArray

from condvae.config import Attribute
from condvae.errors import StorageError
from condvae.images import png
from condvae.inputs import Attributes
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
    """The page for one model: its conditions, one slider per latent dimension, the image, and all labels at this z.

    Args:
        model: a trained model.
        title: the heading of the page.
    """
    variables = model.conditions.variables

    def show(*values: float | str) -> tuple[str, str]:
        given = {variable.name: value for variable, value in zip(variables, values, strict=False)}
        chosen = str(given.pop("label")) if "label" in given else None
        z = np.asarray(values[len(variables) :], np.float32)
        return image_html(model, chosen, z, given), strip_html(model, chosen, z, given)

    with gr.Blocks(title=f"condvae: {title}", analytics_enabled=False) as app:
        labelled = "Choose a label and move the sliders: the label decides what is drawn, z its style."
        gr.Markdown(f"# {title}\n{labelled if model.conditions.classes else 'Move the sliders: z decides the image.'}")
        with gr.Row():
            with gr.Column():
                choices = [_control(variable) for variable in variables]
                sliders = [
                    gr.Slider(-LIMIT, LIMIT, 0.0, step=STEP, label=f"z{index}", elem_id=f"z{index}")
                    for index in range(model.config.latent)
                ]
            with gr.Column():
                image = gr.HTML(elem_id="image", elem_classes="condvae-image")
        strip = gr.HTML(elem_id="strip")
        controls = [*choices, *sliders]
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


def image_html(model: CVAE, label: str | None, z: NDArray[np.float32], attributes: Attributes) -> str:
    """The image of a label at z, (Z,), and these attributes, as an HTML picture."""
    return _picture(generate(model, label, attributes=attributes, z=z)[0], _name(label))


def strip_html(model: CVAE, chosen: str | None, z: NDArray[np.float32], attributes: Attributes) -> str:
    """The images of all labels at z, (Z,), and these attributes, the chosen one marked; empty without labels."""
    classes = model.conditions.classes
    if not classes:
        return ""
    parts = [
        f'<figure class="{"chosen" if name == chosen else ""}">{_picture(image, _name(name))}'
        f"<figcaption>{escape(name)}</figcaption></figure>"
        for name, image in zip(classes, generate(model, classes, attributes=attributes, z=z), strict=True)
    ]
    return f'<div class="condvae-strip" aria-label="all labels at this z">{"".join(parts)}</div>'


def _control(variable: Attribute) -> gr.Radio | gr.Dropdown | gr.Slider:
    """Classes to choose from, or a slider over the usual range of a number."""
    name = variable.name
    if not variable.classes:
        low, high = variable.low, variable.high
        if not low < high:
            low, high = variable.mean - variable.sd, variable.mean + variable.sd
        low, high, middle = (float(f"{value:.3g}") for value in (low, high, min(max(variable.mean, low), high)))
        return gr.Slider(low, high, middle, label=name, elem_id=name)
    kind = gr.Radio if len(variable.classes) <= MOST_BUTTONS else gr.Dropdown
    return kind(list(variable.classes), value=variable.classes[0], label=name, elem_id=name)


def _name(label: str | None) -> str:
    return "generated image" if label is None else f"label {label}"


def _picture(image: NDArray[np.uint8], name: str) -> str:
    data = b64encode(png(image)).decode("ascii")
    return f'<img alt="{escape(name)}" src="data:image/png;base64,{data}">'
