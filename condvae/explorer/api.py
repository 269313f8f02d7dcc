"""The HTTP interface: the routes under /api/v1 that the page uses, and anyone else may."""

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
from condvae.explorer.schemas import (
    Decode,
    Encode,
    Format,
    Generate,
    Nearest,
    Overlay,
    Path,
    Restyle,
    State,
    View,
    images_as,
)
from condvae.explorer.session import Encoded, Session

Result = TypeVar("Result")
FEW = 50  # images that are decoded on the event loop, as handing them to a thread takes longer than they do
SHOWN = 5000  # points of a plane
WRONG: dict[int | str, Any] = {
    400: {"description": "What is wrong with the values, and what is allowed."},
    409: {"description": "The model or its data cannot do that."},
}
IMAGES: dict[int | str, Any] = {
    **WRONG,
    200: {
        "description": "Images (B, C, H, W), 0 to 255: JSON, one PNG, or raw bytes with their shape in X-Shape.",
        "content": {"application/json": {}, "image/png": {}, "application/octet-stream": {}},
    },
}
Wanted = Annotated[Format, Query(alias="format", description="json, png (one contact sheet) or raw (bytes)")]


def add_errors(app: FastAPI) -> None:
    """Malformed input becomes a 422, and values that are not possible a 400, that say what is allowed; other errors of
    ours a 409 without the server's paths."""

    @app.exception_handler(RequestValidationError)
    async def malformed(_: Request, error: RequestValidationError) -> JSONResponse:
        # not what was given, which need not be possible as JSON, such as NaN
        return JSONResponse(
            {"detail": [{key: one[key] for key in ("loc", "msg", "type")} for one in error.errors()]}, 422
        )

    @app.exception_handler(CondvaeError)
    async def said(_: Request, error: Exception) -> JSONResponse:
        if isinstance(error, InputError):
            return JSONResponse({"detail": str(error)}, 400)
        print(f"condvae: {error}", file=sys.stderr, flush=True)
        return JSONResponse({"detail": "This model, or the data here, cannot do that; the server's log says why."}, 409)


def make_routes(session: Session) -> APIRouter:
    """The routes of one model."""
    router = APIRouter(prefix="/api/v1")
    lane = ThreadPoolExecutor(1, "condvae")  # one, so that nothing is found out twice, and decoding keeps a core
    lane.submit(lambda: session.map.codes)

    async def later(work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(lane, work)

    @router.get("/model")
    async def model() -> dict[str, Any]:
        """What the model is: its image shape, latent dimensions and conditions."""
        return session.description

    @router.post("/decode", responses=IMAGES)
    async def decode(body: Decode, wanted: Wanted = "json") -> Response:
        """Images of labels at latent vectors: the mean of p(x|z,y)."""

        def work() -> Response:
            images, supported = session.images(body.labels, body.z, body.attributes)
            return images_as(images, wanted, {"supported": supported})

        return work() if _few(body) else await later(work)

    @router.post("/generate", responses=IMAGES)
    async def generate(body: Generate, wanted: Wanted = "json") -> Response:
        """Images of labels in styles that are drawn, and their latent vectors."""

        def work() -> Response:
            images, z = session.generated(body.labels, body.attributes, body.count, body.seed, body.source)
            return images_as(images, wanted, {"z": z.tolist()})

        return await later(work)

    @router.post("/encode", responses=WRONG)
    async def encode(body: Encode) -> dict[str, Any]:
        """The posterior of an image in standard coordinates, and what was done to the image before."""
        found = await later(lambda: session.encoded(body.image, body.label, body.attributes, not body.prepare))
        return _about(found)

    @router.post("/restyle", responses=IMAGES)
    async def restyle(body: Restyle, wanted: Wanted = "json") -> Response:
        """An image's style under other labels."""

        def work() -> Response:
            found = session.encoded(body.image, body.label, body.attributes, not body.prepare)
            copy, images = session.restyled(found, body.labels)
            about = _about(found)
            if wanted == "json":
                about |= {"prepared": found.image[0].tolist(), "reconstruction": copy[0].tolist()}
            return images_as(images, wanted, about)

        return await later(work)

    @router.get("/plane", responses=WRONG)
    async def plane(name: Annotated[str, Query(max_length=50)] = "") -> dict[str, Any]:
        """A plane through the latent space: pca, or two latent dimensions such as 0,1; and the codes on it."""

        def work() -> dict[str, Any]:
            found, codes = session.map.plane(name), session.map.codes
            return {
                "name": found.name,
                "origin": found.origin.tolist(),
                "axes": found.axes.tolist(),
                "points": [[round(value, 3) for value in point] for point in found.points[:SHOWN].tolist()],
                "labels": codes.labels[:SHOWN].tolist(),
                "classes": codes.classes,
                "of_data": codes.of_data,
                "dimensions": [one._asdict() for one in session.map.dimensions],
            }

        return await later(work)

    @router.post("/overlay", responses=WRONG)
    async def overlay(body: Overlay) -> dict[str, Any]:
        """A measure of the images on a grid of a plane; the first row is at the top."""

        def work() -> dict[str, Any]:
            return {"values": session.overlay(body).tolist()}

        return await later(work)

    @router.get("/grid", responses=WRONG)
    async def grid(name: Annotated[str, Query(max_length=50)] = "figure") -> dict[str, Any]:
        """Latent vectors to compare labels at: figure (the experiment's nine), grid or draws."""
        z, columns = await later(lambda: session.map.grid(name))
        return {"z": z.tolist(), "columns": columns}

    @router.post("/nearest", responses=IMAGES)
    async def nearest(body: Nearest, wanted: Wanted = "json") -> Response:
        """The training images nearest to one image of the model."""

        def work() -> Response:
            images, labels, distances = session.nearest(body.label, body.z, body.attributes, body.count)
            return images_as(images, wanted, {"labels": labels, "distances": distances})

        return await later(work)

    @router.get("/evidence", responses=WRONG)
    async def evidence() -> dict[str, Any]:
        """What was measured of the run, its claims and its settings."""
        return await later(lambda: session.evidence)

    @router.post("/animate", responses=WRONG)
    async def animate(body: Path, format: Annotated[str, Query(pattern="^(gif|mp4)$")] = "gif") -> Response:
        """A path through the latent space, or between labels, as an animated GIF or MP4."""

        def work() -> Response:
            images = session.frames(body.path, body.steps)
            content, kind = (
                (gif(images, body.rate), "image/gif") if format == "gif" else (mp4(images, body.rate), "video/mp4")
            )
            return Response(content, media_type=kind)

        return await later(work)

    @router.post("/figure", responses=WRONG)
    async def figure(body: State, view: View, format: Annotated[str, Query(pattern="^(png|svg)$")] = "png") -> Response:
        """What a view shows, as a figure."""

        def work() -> bytes:
            from condvae.explorer.views import figure_of

            return figure_of(view, session, body, format)

        kind = "image/png" if format == "png" else "image/svg+xml"
        return Response(await later(work), media_type=kind)

    @router.post("/code", responses=WRONG)
    async def code(body: State, view: View) -> dict[str, str]:
        """The lines of Python that make the figure of a view."""

        def work() -> dict[str, str]:
            from condvae.explorer.views import code_of

            return {"code": code_of(view, session, body)}

        return await later(work)

    return router


def _few(body: Decode) -> bool:
    vectors = len(body.z) if isinstance(body.z[0], list) else 1
    labels = len(body.labels) if isinstance(body.labels, list) else 1
    return max(vectors, labels) <= FEW


def _about(found: Encoded) -> dict[str, Any]:
    return {
        "label": found.label,
        "attributes": found.attributes,
        "z": found.mean[0].tolist(),
        "deviation": found.deviation[0].tolist(),
        "steps": found.steps,
    }
