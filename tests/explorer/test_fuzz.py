"""The HTTP interface under requests made from its own OpenAPI description: whatever comes, the server does not fail."""

from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from condvae.evaluation.study import Study
from condvae.explorer.server import make_api
from condvae.explorer.session import Session

EXAMPLES = 20  # of each route and kind; many more have been tried
ROUTES = [
    ("GET", "model"),
    ("POST", "decode"),
    ("POST", "generate"),
    ("POST", "encode"),
    ("POST", "restyle"),
    ("GET", "plane"),
    ("POST", "overlay"),
    ("GET", "grid"),
    ("POST", "nearest"),
    ("GET", "evidence"),
    ("POST", "animate"),
    ("POST", "figure"),
    ("POST", "code"),
]


@pytest.fixture(scope="module")
def app(study: Study) -> FastAPI:
    return make_api(Session(study, "a run", "'runs/paper'", most_images=20))


@pytest.fixture(scope="module")
def schema(app: FastAPI) -> Any:
    return schemathesis.openapi.from_asgi("/api/openapi.json", app)


def test_every_route_is_here(app: FastAPI) -> None:
    described = {(method.upper(), path) for path, item in app.openapi()["paths"].items() for method in item}
    assert described == {(method, f"/api/v1/{name}") for method, name in ROUTES}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "name"), ROUTES, ids=[name for _, name in ROUTES])
def test_no_request_makes_the_server_fail(schema: Any, method: str, name: str, mode: GenerationMode) -> None:
    operation = schema[f"/api/v1/{name}"][method]
    if mode is GenerationMode.NEGATIVE and name in ("model", "evidence"):
        pytest.skip("takes nothing that could be wrong")

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def survives(case: schemathesis.Case) -> None:
        response = case.call()
        assert response.status_code < 500, response.text
        if response.status_code >= 400:
            assert response.json()["detail"]
            assert "Traceback" not in response.text

    survives()
