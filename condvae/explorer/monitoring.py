"""What a load balancer and Prometheus ask a server: whether it answers, and how many requests it had and how long."""

import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

HEALTH, METRICS = "/health", "/metrics"
SHARED = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's variable: the folder in which workers sum up their figures
BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)  # seconds
OTHER = "other"  # files of the page, and addresses that are not there

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Monitored:
    """Counts and times the requests of an application, by route and status."""

    def __init__(self, app: App, registry: CollectorRegistry) -> None:
        self.app = app
        self.requests = Counter(
            "condvae_requests", "Requests that were answered", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "condvae_request_seconds", "Seconds until a request was answered", ["route"],
            registry=registry, buckets=BUCKETS,
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        begin, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", OTHER)
            self.requests.labels(route, status).inc()
            self.seconds.labels(route).observe(time.perf_counter() - begin)


def add_monitoring(app: FastAPI) -> CollectorRegistry:
    """Add both routes to an application.

    Returns:
        Where its requests are counted.
    """
    own = CollectorRegistry()

    @app.get(HEALTH, include_in_schema=False)
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get(METRICS, include_in_schema=False)
    async def metrics() -> Response:
        registry = own
        if SHARED in os.environ:  # of all workers
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return own
