"""The HTTP interface: the routes under /api/v1, which the page and other programs use."""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from condvae.errors import CondvaeError, InputError
from condvae.explorer.animation import gif, mp4
from condvae.explorer.limits import GRIDS, LIMITS
from condvae.explorer.schemas import (
    Decode,
    Encode,
    Film,
    Format,
    Generate,
    Nearest,
    Overlay,
    Restyle,
    Way,
    images_as,
    one_of,
)
from condvae.explorer.session import Encoded, Session

Result = TypeVar("Result")
FEW = 50  # images that are decoded on the event loop, because handing them to a thread would take longer
FILMS: dict[str, Callable[[Any, int], bytes]] = {"gif": gif, "mp4": mp4}
MEDIA_TYPES = {"gif": "image/gif", "mp4": "video/mp4"}
ERRORS: dict[int | str, Any] = {
    400: {"description": "A value is not possible. The message says what is allowed."},
    409: {"description": "The model or its data does not allow this."},
}
IMAGES: dict[int | str, Any] = {
    **ERRORS,
    200: {
        "description": "Images (B, C, H, W), 0 to 255: JSON, one PNG, or raw bytes with their shape in X-Shape.",
        "content": {"application/json": {}, "image/png": {}, "application/octet-stream": {}},
    },
}
Wanted = Annotated[Format, Query(alias="format", description="json, png (one contact sheet) or raw (bytes)")]
PlaneName = Annotated[str, Query(max_length=LIMITS.max_name, description="pca, two latent dimensions, or empty")]
GridName = Annotated[str, Query(**one_of(GRIDS))]
FilmFormat = Annotated[str, Query(**one_of(tuple(FILMS)))]


def add_errors(app: FastAPI) -> None:
    """Errors become answers that say what is allowed.

    Malformed requests are answered with 422, and values that are not possible with 400. Other errors of condvae are
    answered with 409, and only the server's log has their text, because it may name paths on the server.
    """

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        # without the value that was given, which may not be possible in JSON, such as NaN
        detail = [{key: one[key] for key in ("loc", "msg", "type")} for one in error.errors()]
        return JSONResponse({"detail": detail}, 422)

    @app.exception_handler(CondvaeError)
    async def refused(_: Request, error: Exception) -> JSONResponse:
        if isinstance(error, InputError):
            return JSONResponse({"detail": str(error)}, 400)
        print(f"condvae: {error}", file=sys.stderr, flush=True)
        return JSONResponse({"detail": "The model or its data does not allow this. The server's log has details."}, 409)


class Lane:
    """A single thread for everything slow. Nothing is computed twice, and decoding keeps a core."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1, "condvae")

    def begin(self, work: Callable[[], object]) -> None:
        """Start work without waiting for it."""
        self._threads.submit(work)

    async def __call__(self, work: Callable[[], Result]) -> Result:
        """Wait for the result of work, while the server answers other requests."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def make_routes(session: Session) -> APIRouter:
    """The routes of one model."""
    router, lane = APIRouter(prefix="/api/v1"), Lane()
    lane.begin(session.begin)
    for add_routes in (add_drawing, add_encoding, add_latent_map, add_run):
        add_routes(router, session, lane)
    return router


def add_drawing(router: APIRouter, session: Session, lane: Lane) -> None:
    """The routes that draw images from latent vectors."""

    @router.post("/decode", responses=IMAGES)
    async def decode(body: Decode, wanted: Wanted = "json") -> Response:
        """The image of each label at each latent vector: the mean of p(x|z,y)."""

        def work() -> Response:
            images, supported = session.decoded(body)
            return images_as(images, wanted, {"supported": supported})

        return work() if _is_small(body) else await lane(work)

    @router.post("/generate", responses=IMAGES)
    async def generate(body: Generate, wanted: Wanted = "json") -> Response:
        """Images of each label at latent vectors that are drawn at random, and these vectors."""

        def work() -> Response:
            images, z = session.generated(body)
            return images_as(images, wanted, {"z": z.tolist()})

        return await lane(work)

    @router.post("/interpolate", responses=IMAGES)
    async def interpolate(body: Way, wanted: Wanted = "json") -> Response:
        """The images along a path through the latent space or between labels."""
        return await lane(lambda: images_as(session.frames(body.path, body.steps), wanted, {}))

    @router.post("/animate", responses=ERRORS)
    async def animate(body: Film, format: FilmFormat = "gif") -> Response:
        """The images along a path through the latent space or between labels, as an animated GIF or an MP4 video."""

        def work() -> bytes:
            return FILMS[format](session.frames(body.path, body.steps), body.rate)

        return Response(await lane(work), media_type=MEDIA_TYPES[format])


def add_encoding(router: APIRouter, session: Session, lane: Lane) -> None:
    """The routes that take an image."""

    @router.post("/encode", responses=ERRORS)
    async def encode(body: Encode) -> dict[str, Any]:
        """The posterior of an image in standard coordinates, and the steps of its preparation."""
        return _about(await lane(lambda: session.encoded(body)))

    @router.post("/restyle", responses=IMAGES)
    async def restyle(body: Restyle, wanted: Wanted = "json") -> Response:
        """An image with other labels and the same style."""

        def work() -> Response:
            found = session.encoded(body)
            reconstruction, images = session.restyled(found, body.new_label)
            about = _about(found)
            if wanted == "json":
                about |= {"prepared": found.image[0].tolist(), "reconstruction": reconstruction[0].tolist()}
            return images_as(images, wanted, about)

        return await lane(work)


def add_latent_map(router: APIRouter, session: Session, lane: Lane) -> None:
    """The routes of the latent space."""

    @router.get("/plane", responses=ERRORS)
    async def plane(name: PlaneName = "") -> dict[str, Any]:
        """A plane through the latent space, and the codes on it: pca, or two latent dimensions such as 0,1."""
        return await lane(lambda: session.plane(name))

    @router.post("/overlay", responses=ERRORS)
    async def overlay(body: Overlay) -> dict[str, Any]:
        """A measure of the images on a grid of a plane. The first row is at the top."""
        return await lane(lambda: {"values": session.overlay(body).tolist()})

    @router.get("/grid", responses=ERRORS)
    async def grid(name: GridName = GRIDS[0]) -> dict[str, Any]:
        """Latent vectors at which labels are compared: figure (the nine of the experiment), grid or draws."""
        z, columns = await lane(lambda: session.grid(name))
        return {"z": z.tolist(), "columns": columns}


def add_run(router: APIRouter, session: Session, lane: Lane) -> None:
    """The routes of the run and its data."""

    @router.get("/model")
    async def model() -> dict[str, Any]:
        """The model, its image shape, latent dimensions, labels and conditions, and what the page is made of."""
        return {**session.description, "films": tuple(FILMS)}

    @router.post("/nearest", responses=IMAGES)
    async def nearest(body: Nearest, wanted: Wanted = "json") -> Response:
        """The training images that are nearest to one generated image."""

        def work() -> Response:
            images, labels, distances = session.nearest(body)
            return images_as(images, wanted, {"labels": labels, "distances": distances})

        return await lane(work)

    @router.get("/evidence", responses=ERRORS)
    async def evidence() -> dict[str, Any]:
        """The figures of the run's evaluation, its claims and its settings."""
        return await lane(lambda: session.evidence)


def _is_small(body: Decode) -> bool:
    vectors = len(body.z) if isinstance(body.z[0], list) else 1
    labels = len(body.label) if isinstance(body.label, list) else 1
    return (max(labels, vectors) if body.pair else labels * vectors) <= FEW


def _about(found: Encoded) -> dict[str, Any]:
    return {
        "label": found.label,
        "attributes": found.attributes,
        "z": found.mean[0].tolist(),
        "deviation": found.deviation[0].tolist(),
        "steps": found.steps,
    }
