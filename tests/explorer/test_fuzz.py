"""The HTTP interface under random requests, made from its own OpenAPI description: the server never fails."""

from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from condvae.evaluation.study import Study
from condvae.explorer.run_session import RunSession
from condvae.explorer.server import make_api

FEW, MANY = 4, 100  # examples of each route and kind of request
NOTHING_GIVEN = ("model", "evidence")  # routes that take nothing which could be malformed
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
    ("POST", "interpolate"),
    ("POST", "animate"),
]


@pytest.fixture(scope="module")
def app(study: Study) -> FastAPI:
    assert study.mixture is not None  # it is fitted, which can take longer than a request may
    return make_api(RunSession(study, "runs/paper", max_images=20))


@pytest.fixture(scope="module")
def schema(app: FastAPI) -> Any:
    return schemathesis.openapi.from_asgi("/api/openapi.json", app)


def test_every_route_is_here(app: FastAPI) -> None:
    described = {(method.upper(), path) for path, item in app.openapi()["paths"].items() for method in item}
    assert described == {(method, f"/api/v1/{name}") for method, name in ROUTES}


KINDS = [
    pytest.param(*route, mode, examples, id=f"{route[1]}-{mode.value}-{examples}", marks=marks)
    for route in ROUTES
    for mode in GenerationMode
    if mode is not GenerationMode.NEGATIVE or route[1] not in NOTHING_GIVEN
    for examples, marks in ((FEW, ()), (MANY, pytest.mark.slow))
]


@pytest.mark.parametrize(("method", "name", "mode", "examples"), KINDS)
def test_no_request_makes_the_server_fail(
    schema: Any, method: str, name: str, mode: GenerationMode, examples: int
) -> None:
    operation = schema[f"/api/v1/{name}"][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    def survives(case: schemathesis.Case) -> None:
        response = case.call()
        assert response.status_code < 500, response.text
        if response.status_code >= 400:
            assert response.json()["detail"]
            assert "Traceback" not in response.text

    survives()
