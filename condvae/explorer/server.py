"""The server: the page and the HTTP interface on one port, with a password, limits and allowed sites."""

import base64
import binascii
import gc
import json
import secrets
import socket
from importlib.metadata import version
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from fastapi_offline import FastAPIOffline

from condvae.explorer.api import add_errors, make_routes
from condvae.explorer.monitoring import HEALTH, App, Message, Monitored, Receive, Scope, Send, add_monitoring
from condvae.explorer.options import MEGABYTE, Options
from condvae.explorer.page import add_page
from condvae.explorer.session import Session

EXPOSED = ["X-Shape", "X-About"]
GRACE = 25  # seconds that requests have to end when the server is stopped. Kubernetes waits for 30


def serve(session: Session, options: Options, listener: socket.socket) -> None:
    """Serve the page of a model until Ctrl-C.

    Args:
        session: the model.
        options: how to serve.
        listener: the open port, from `Options.listen`.
    """
    app = make_app(session, options)
    warn(options)
    print(f"The explorer of {session.name} is at {options.address} (Ctrl-C stops it).", flush=True)
    freeze()
    server_of(app).run([listener])


def warn(options: Options) -> None:
    """Say if anybody on the network can use the server."""
    if options.warning:
        print(options.warning, flush=True)


def freeze() -> None:
    """Let the garbage collector skip what is loaded, because looking through it would take 0.1 s each time."""
    gc.collect()
    gc.freeze()


def server_of(app: App) -> uvicorn.Server:
    """A server of an application, which is not started yet."""
    return uvicorn.Server(config_of(app))


def config_of(app: Any, is_factory: bool = False, workers: int = 1) -> uvicorn.Config:
    """How uvicorn serves.

    Args:
        app: the application, or a function that makes it.
        is_factory: whether it is such a function.
        workers: the number of processes.
    """
    return uvicorn.Config(
        app,
        factory=is_factory,
        workers=workers,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=GRACE,
    )


def make_app(session: Session, options: Options) -> App:
    """The whole server as an ASGI application."""
    app = add_page(make_api(session))
    registry = add_monitoring(app)
    return Monitored(guarded(app, options), registry)


def guarded(app: App, options: Options) -> App:
    """An application with its password, limits and allowed sites.

    Browsers ask whether a site is allowed without a password, so that is the outermost layer of these.
    """
    return CORSMiddleware(
        Guard(app, options),
        allow_origins=options.origin,
        allow_methods=["GET", "POST"],
        allow_headers=["*"],
        expose_headers=EXPOSED,
    )


def make_api(session: Session) -> FastAPI:
    """The HTTP interface."""
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
    return app


class Guard:
    """Checks every request: its password and its size."""

    def __init__(self, app: App, options: Options) -> None:
        self.app, self.auth, self.max_bytes = app, options.auth.encode(), int(options.max_megabytes * MEGABYTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        is_open = scope["path"] == HEALTH  # a load balancer has no password
        if self.auth and not is_open and not self._allowed(headers.get(b"authorization", b"")):
            challenge = [(b"www-authenticate", b'Basic realm="condvae"')]
            return await _refuse(scope, send, 401, "This server needs a user name and a password.", challenge)
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.max_bytes:
            return await _refuse(
                scope, send, 413, f"A request may have at most {self.max_bytes:,} bytes, got {int(length):,}."
            )
        return await self.app(scope, self._limited(receive), send)

    def _allowed(self, header: bytes) -> bool:
        kind, _, value = header.partition(b" ")
        try:
            given = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            return False
        return secrets.compare_digest(given, self.auth) and kind.lower() == b"basic"

    def _limited(self, receive: Receive) -> Receive:
        """The same body, which ends at the limit if its header did not give its size."""
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            return {"type": "http.disconnect"} if seen > self.max_bytes else message

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
