"""The server: Gradio's page and the HTTP interface on one port, with a password, limits and allowed origins."""

import base64
import binascii
import gc
import json
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from importlib.metadata import version
from typing import Any

import torch
import uvicorn
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline

from condvae.evaluation.study import Study
from condvae.explorer.api import add_errors, make_routes
from condvae.explorer.options import MEGABYTE, Options
from condvae.explorer.page import STATIC, add_page
from condvae.explorer.session import Session

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
UPLOAD = "/gradio_api/upload"  # Gradio's way to leave files on the server, which no view needs
EXPOSED = ["X-Shape", "X-About"]


def serve(study: Study, title: str, source: str, options: Options, listener: socket.socket) -> None:
    """Serve the page of a run until Ctrl-C.

    Args:
        study: the run.
        title: what the page calls it.
        source: the Python expression by which its code names the run.
        options: how to serve.
        listener: where, as `Options.listen` opens it.
    """
    torch.set_num_threads(1)  # one image is too small to share, and waiting for other threads takes longer
    app = make_app(Session(study, title, source, options.most_images), options)
    if options.warning:
        print(options.warning, flush=True)
    print(f"Explore {title} at {options.address} (Ctrl-C stops it).", flush=True)
    gc.collect()
    gc.freeze()  # what is there stays: looking through it again and again would stop an answer for 0.1 s
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,  # an open page never hangs up by itself
    )
    uvicorn.Server(config).run([listener])


def make_app(session: Session, options: Options) -> App:
    """The whole server as an ASGI application."""
    return guarded(add_page(make_api(session), session), options)


def guarded(app: App, options: Options) -> App:
    """An application behind its password, limits and allowed origins; browsers ask for the last without a password."""
    return CORSMiddleware(
        Guard(app, options),
        allow_origins=options.origins,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=EXPOSED,
    )


def make_api(session: Session) -> FastAPI:
    """The HTTP interface and the page's own files."""
    app = FastAPIOffline(
        title="condvae",
        version=version("condvae"),
        docs_url="/api/docs",
        redoc_url=None,
        openapi_url="/api/openapi.json",
        static_url="/api/static",
    )
    add_errors(app)
    app.include_router(make_routes(session))
    app.mount("/explorer", StaticFiles(directory=STATIC), name="explorer")
    return app


class Guard:
    """What stands before every request, of Gradio's page too: the password, the limit of its size, no files left."""

    def __init__(self, app: App, options: Options) -> None:
        self.app, self.auth, self.most = app, options.auth.encode(), int(options.most_megabytes * MEGABYTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        if self.auth and not self._allowed(headers.get(b"authorization", b"")):
            asks = [(b"www-authenticate", b'Basic realm="condvae"')]
            return await _refuse(scope, send, 401, "This server asks for a user and a password.", asks)
        if scope["path"].startswith(UPLOAD):
            return await _refuse(scope, send, 404, "No files are kept here; /api/v1/encode takes images as base64.")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.most:
            return await _refuse(scope, send, 413, f"A request may have {self.most:,} bytes; this has {int(length):,}.")
        return await self.app(scope, self._limited(receive), send)

    def _allowed(self, header: bytes) -> bool:
        kind, _, value = header.partition(b" ")
        try:
            given = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return False
        return secrets.compare_digest(given, self.auth) and kind.lower() == b"basic"

    def _limited(self, receive: Receive) -> Receive:
        """Bodies that do not say their size end at the limit, too."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            return {"type": "http.disconnect"} if seen > self.most else message

        return counted


async def _refuse(
    scope: Scope, send: Send, status: int, text: str, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    kind = (b"content-type", b"application/json")
    await send({"type": "http.response.start", "status": status, "headers": [kind, *(headers or [])]})
    await send({"type": "http.response.body", "body": json.dumps({"detail": text}).encode()})
