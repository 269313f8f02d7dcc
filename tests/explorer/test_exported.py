"""The explorer of a file that was exported to ONNX: the same answers as of the run, without PyTorch."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from condvae.data.dataset import Dataset
from condvae.errors import InputError
from condvae.explorer.opening import opened
from condvae.explorer.options import Options
from condvae.export.onnx import export_onnx
from condvae.run import Run
from tests.conftest import as_text
from tests.explorer.browser import DESKTOP, explored, ready
from tests.explorer.browser import opened as page_of
from tests.explorer.clients import serve

VIEWS = ("generate", "plane", "compare", "restyle", "animate", "evidence")
BARRED = "import sys; sys.modules.update(torch=None, lightning=None)"  # their import fails


@pytest.fixture(scope="module")
def file(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "model.onnx"
    export_onnx(run, path)
    return path


@pytest.fixture(scope="module")
def own(file: Path) -> TestClient:
    return serve(opened(str(file), "auto", Options.max_images))


def asked(client: TestClient, route: str, body: dict[str, Any]) -> dict[str, Any]:
    response = client.post(f"/api/v1/{route}", json=body)
    assert response.status_code == 200, response.text
    return dict(response.json())


def near(found: Any, wanted: Any, tolerance: float = 1) -> bool:
    return bool(np.abs(np.asarray(found, float) - np.asarray(wanted, float)).max() <= tolerance)


def test_it_draws_what_the_run_draws(own: TestClient, client: TestClient) -> None:
    body = {"label": ["3", "7"], "z": [[0.5, -1.0], [0, 0], [2, 1]]}
    assert near(asked(own, "decode", body)["images"], asked(client, "decode", body)["images"])
    path = {"path": [{"label": "3", "z": [0, 0]}, {"label": "8", "z": [1, -1]}], "steps": 4}
    assert near(asked(own, "interpolate", path)["images"], asked(client, "interpolate", path)["images"])
    drawn = asked(own, "generate", {"label": ["1", "2"], "count": 3, "seed": 5})
    again = asked(client, "decode", {"label": ["1"] * 3 + ["2"] * 3, "z": drawn["z"], "pair": True})
    assert near(drawn["images"], again["images"])
    for name in ("figure", "grid"):
        found, wanted = (one.get(f"/api/v1/grid?name={name}").json() for one in (own, client))
        assert near(found["z"], wanted["z"], 1e-6)
        assert found["columns"] == wanted["columns"]


def test_it_restyles_what_the_run_restyles(own: TestClient, client: TestClient, mnist: Dataset) -> None:
    picture = as_text(mnist.test.images[0, 0])
    for body in ({"image": picture, "label": "7"}, {"image": picture, "label": "7", "new_label": ["1", "9"]}):
        body["prepare"] = False  # a file has no training images, from which the run learns how digits lie
        found, wanted = (asked(one, "restyle", body) for one in (own, client))
        assert near(found["images"], wanted["images"], 2)
        assert near(found["reconstruction"], wanted["reconstruction"], 2)
        assert near(found["z"], wanted["z"], 1e-3)
        assert near(found["deviation"], wanted["deviation"], 1e-3)
    assert asked(own, "encode", {"image": picture, "prepare": False})["label"] == "7"


def test_it_says_what_it_does_not_have(own: TestClient, file: Path) -> None:
    about = own.get("/api/v1/model").json()
    assert (about["overlays"], about["priors"], about["has_neighbours"]) == ([], ["prior"], False)
    for route, body in (
        ("overlay", {"measure": "slant", "z": [0, 0]}),
        ("nearest", {"label": "3", "z": [0, 0]}),
        ("generate", {"label": "3", "prior": "mixture"}),
        ("generate", {"label": "3", "sample": True}),
        ("decode", {"label": "11", "z": [0, 0]}),
    ):
        assert own.post(f"/api/v1/{route}", json=body).status_code == 400
    assert not own.get("/api/v1/plane").json()["of_data"]
    with pytest.raises(InputError, match="computes on the CPU, and not on 'cuda'"):
        opened(str(file), "cuda", 10)


def test_it_needs_no_pytorch(file: Path) -> None:
    work = f"from condvae.explorer.opening import opened; session = opened({str(file)!r}, 'auto', 9); session.begin()"
    code = f"{BARRED}; import condvae.explorer.server; {work}; print(len(session.plane('')['points']))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.stdout.strip() == "5000", found.stderr


def test_every_view_opens(file: Path, browser: Any) -> None:
    with explored(file) as address, page_of(browser, address, VIEWS[0], **DESKTOP) as page:
        for view in VIEWS:
            page.evaluate(f"location.hash = 'view={view}'")
            ready(page, view)
            assert not page.locator("[role=alert]").count()
            assert page.locator("#about").inner_text() == "28 × 28 pixels · 2 latent dimensions"
            assert page.locator(f"[data-view={view}] .actions button").all_inner_texts().count("Python code") == 0
        assert page.get_by_text("An exported file holds no evaluation.").is_visible()
