"""The frame of the page: Gradio's tabs, each with one of our views. This is the only module that imports Gradio."""

from importlib.resources import files
from pathlib import Path

import gradio as gr
from fastapi import FastAPI

from condvae.explorer.session import Session
from condvae.explorer.view import LANGUAGES, find_views

STATIC = Path(str(files("condvae"))) / "explorer" / "static"
LOAD = "import(new URL('explorer/main.js', document.baseURI)).then((page) => page.mount('{view}', element));"


def add_page(app: FastAPI, session: Session) -> FastAPI:
    """Add the page at the root of an application."""
    views = find_views().values()
    titles = {language: {f"tab-{view.name}": view.titles[language] for view in views} for language in LANGUAGES}
    texts = gr.I18n(**titles)
    with gr.Blocks(title=session.title, analytics_enabled=False) as blocks:
        gr.Markdown(f"# {session.title}", elem_id="title")
        with gr.Tabs(elem_id="views"):
            for view in views:
                with gr.Tab(texts(f"tab-{view.name}"), id=view.name, elem_id=f"tab-{view.name}"):
                    html = f'<div class="condvae" data-view="{view.name}"></div>'
                    gr.HTML(html, js_on_load=LOAD.format(view=view.name))
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
