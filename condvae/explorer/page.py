"""The frame of the page: Gradio's tabs, with our views in them. The only module that imports Gradio."""

import json
from importlib.resources import files
from pathlib import Path
from typing import get_args

import gradio as gr
from fastapi import FastAPI

from condvae.explorer.schemas import View
from condvae.explorer.session import Session

STATIC = Path(str(files("condvae"))) / "explorer" / "static"
VIEWS = get_args(View)
LANGUAGES = ("en", "ko")
LOAD = "import(new URL('explorer/main.js', document.baseURI)).then((page) => page.mount('{view}', element));"


def add_page(app: FastAPI, session: Session) -> FastAPI:
    """The page at the root of an application."""
    texts = gr.I18n(**{name: json.loads((STATIC / f"{name}.json").read_text("utf-8")) for name in LANGUAGES})
    with gr.Blocks(title=f"condvae: {session.title}", analytics_enabled=False) as blocks:
        gr.Markdown(f"# {session.title}", elem_id="title")
        with gr.Tabs(elem_id="views"):
            for view in VIEWS:
                with gr.Tab(texts(f"tab-{view}"), id=view, elem_id=f"tab-{view}"):
                    gr.HTML(f'<div class="condvae" data-view="{view}"></div>', js_on_load=LOAD.format(view=view))
    return gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        i18n=texts,
        css_paths=STATIC / "explorer.css",
        footer_links=["settings"],
        show_error=False,
        allowed_paths=[],
    )
