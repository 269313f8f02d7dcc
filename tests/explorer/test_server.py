"""The server: password, limits, allowed sites, and nothing of the machine in its answers."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

import condvae
from condvae.config import DataConfig
from condvae.errors import ConfigError
from condvae.evaluation.study import Study
from condvae.explorer.options import Options
from condvae.explorer.run_session import RunSession
from tests.explorer.clients import open_session, refused, serve


def test_errors_reveal_nothing_of_the_server(study: Study, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    session = open_session(study)

    def broken(*_: object) -> None:
        raise condvae.CondvaeError("/secret/path cannot be read")

    monkeypatch.setattr(session, "nearest", broken)
    message = refused(serve(session), "nearest", {"label": "1", "z": [0, 0]}, 409)
    assert "secret" not in message
    assert "/secret/path" in capsys.readouterr().err

    def fails(*_: object) -> None:
        raise ZeroDivisionError("/secret/path")

    monkeypatch.setattr(session, "nearest", fails)
    response = serve(session).post("/api/v1/nearest", json={"label": "1", "z": [0, 0]})
    assert response.status_code == 500
    assert "secret" not in response.text


@pytest.mark.parametrize(
    "path", ["../api.py", "%2e%2e/api.py", "..%2fapi.py", "%2fetc%2fpasswd", "..%2f..%2fpyproject.toml"]
)
def test_no_other_file_can_be_read(client: TestClient, path: str) -> None:
    assert client.get("/explorer/main.js").status_code == 200
    assert client.get(f"/explorer/{path}").status_code in (404, 405)


def test_a_password_is_asked_for(session: RunSession) -> None:
    client = serve(session, auth="me:se:cret")
    for attempt in (None, ("me", "wrong"), ("you", "se:cret"), ("", "")):
        response = client.get("/api/v1/model", auth=attempt)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Basic")
    assert client.get("/api/v1/model", headers={"Authorization": "Basic ###"}).status_code == 401
    assert client.get("/api/v1/model", auth=("me", "se:cret")).status_code == 200


def test_large_requests_are_refused(session: RunSession) -> None:
    client = serve(session, max_megabytes=0.01)
    large = {"image": "a" * 20_000}
    assert client.post("/api/v1/encode", json=large).status_code == 413

    def pieces() -> Iterator[bytes]:
        yield from (b"a" * 1000 for _ in range(20))

    response = client.post("/api/v1/encode", content=pieces(), headers={"Content-Type": "application/json"})
    assert response.status_code >= 400, "also a request that does not give its size"
    assert client.get("/api/v1/model").status_code == 200


def test_only_allowed_sites_may_ask(session: RunSession) -> None:
    asks = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in serve(session).options("/api/v1/decode", headers=asks).headers
    allowed = serve(session, origin=("https://a.example",)).options("/api/v1/decode", headers=asks)
    assert allowed.headers["access-control-allow-origin"] == "https://a.example"


def test_allowed_sites_may_ask_with_a_password(session: RunSession) -> None:
    client, site = serve(session, auth="me:secret", origin=("https://a.example",)), {"Origin": "https://a.example"}
    asks = {**site, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    assert client.options("/api/v1/decode", headers=asks).status_code == 200, "browsers ask without a password"
    refused = client.get("/api/v1/model", headers=site)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://a.example"
    assert client.get("/api/v1/model", headers=site, auth=("me", "secret")).status_code == 200


def test_the_settings_name_no_folder_of_the_server(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "config", replace(study.config, data=DataConfig("idx:/home/somebody/digits")))
    settings = open_session(study).evidence["settings"]
    assert settings["data"]["source"] == "idx:digits"
    assert "somebody" not in json.dumps(settings)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"port": 0}, r"--port must be from 1 to 65535, got 0\."),
        ({"auth": "nobody"}, r"--auth must be USER:PASSWORD, and neither may be empty"),
        ({"auth": ":secret"}, r"--auth must be USER:PASSWORD, and neither may be empty"),
        ({"max_images": 0}, r"--max-images must be at least 1, got 0"),
        ({"max_megabytes": -1.0}, r"--max-megabytes must be a number above 0, got -1"),
        ({"max_megabytes": float("nan")}, r"--max-megabytes must be a number above 0, got nan"),
    ],
)
def test_options_that_are_not_possible(given: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Options(**given)


def test_serving_the_network_without_a_password_warns() -> None:
    assert "anyone who can reach 0.0.0.0 can use this server" in Options(host="0.0.0.0").warning
    assert not Options(host="0.0.0.0", auth="a:b").warning
    assert not Options().warning
    assert Options(host="::1").address == "http://[::1]:7860"
