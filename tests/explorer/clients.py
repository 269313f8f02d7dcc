"""What the tests of the HTTP interface share: sessions, clients, and a state for each view."""

from typing import Any

import numpy as np
from fastapi.testclient import TestClient

from condvae.evaluation.study import Study
from condvae.explorer.options import Options
from condvae.explorer.run_session import RunSession
from condvae.explorer.schemas import State
from condvae.explorer.server import make_app
from tests.conftest import as_text


def open_session(study: Study, **options: Any) -> RunSession:
    """A session whose latent map is computed already."""
    session = RunSession(study, str(study.run.path), **options)
    assert session.map.codes is not None
    return session


def serve(session: RunSession, **options: Any) -> TestClient:
    """A client of a server with these options."""
    return TestClient(make_app(session, Options(**options)), raise_server_exceptions=False)


def refused(client: TestClient, route: str, body: object, status: int = 400) -> str:
    """The message with which a request is refused."""
    response = client.post(f"/api/v1/{route}", json=body)
    assert response.status_code == status, response.text
    return str(response.json()["detail"])


def states(session: RunSession) -> dict[str, State]:
    """A state for each view that has everything the view shows."""
    pixels = session.study.data.test.images[0]
    image = as_text(np.asarray(pixels[0] if pixels.shape[0] == 1 else pixels.transpose(1, 2, 0)))
    first, second = session.model.conditions.classes[:2]
    z, other = ([value] * session.model.config.latent for value in (0.25, -0.5))
    attributes = dict(session.model.conditions.typical)
    base = {"label": first, "other": second, "z": z, "attributes": attributes}
    stops = [{"label": label, "z": at, "attributes": attributes} for label, at in ((first, z), (second, other))]
    return {
        "generate": State(**base),
        "plane": State(**base, overlay="slant", line=[z, other]),
        "compare": State(**base, grid="draws"),
        "restyle": State(**base, first=image, first_label=first),
        "animate": State(**base, path=stops, steps=3),
        "evidence": State(**base),
    }
