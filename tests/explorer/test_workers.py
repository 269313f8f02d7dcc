"""More users than one machine has: no state, health, metrics, several workers, and a graceful stop."""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
from fastapi.testclient import TestClient

from condvae.evaluation.study import Study
from condvae.explorer.options import listen
from condvae.explorer.run_session import RunSession
from condvae.run import Run
from tests.conftest import as_text
from tests.explorer.clients import open_session, serve
from tests.training.runs import start

CLIENTS, EACH = 200, 5
PATIENCE = 60  # seconds until a test gives up


def requests(session: RunSession) -> Iterator[tuple[str, Any]]:
    """Routes with a body, or without one, as a page of a user asks for them one after another."""
    image = as_text(np.asarray(session.study.data.test.images[0][0]))
    yield "model", None
    yield "decode?format=raw", {"label": ["1", "7"], "z": [[0.5, -1]]}
    yield "generate?format=raw", {"label": "3", "count": 3, "seed": 5}
    yield "encode", {"image": image}
    yield "restyle?format=raw", {"image": image, "new_label": ["1", "2"]}
    yield "interpolate?format=raw", {"path": [{"label": "1", "z": [0, 0]}, {"label": "2", "z": [1, 1]}], "steps": 4}
    yield "plane?name=0,1", None
    yield "overlay", {"measure": "slant", "label": "3", "z": [0, 0]}
    yield "evidence", None
    yield "decode?format=raw", {"label": ["1", "7"], "z": [[0.5, -1]]}


def answer(client: TestClient, route: str, body: Any) -> tuple[int, bytes]:
    found = client.get(f"/api/v1/{route}") if body is None else client.post(f"/api/v1/{route}", json=body)
    return found.status_code, found.content


def test_requests_may_alternate_between_two_servers(session: RunSession, run: Run) -> None:
    """A user behind a load balancer sees the same as with one server."""
    alone, other = serve(session), serve(open_session(Study(run)))
    both = cycle([other, alone])
    asked = list(requests(session))
    known = [answer(alone, *one) for one in asked]
    assert [(route, found) for (route, _), (status, found) in zip(asked, known, strict=True) if status != 200] == []
    assert known == [answer(next(both), *one) for one in asked]
    assert known[::-1] == [answer(next(both), *one) for one in asked[::-1]]


def test_health_needs_no_password_and_metrics_do(session: RunSession) -> None:
    client = serve(session, auth="me:secret")
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/metrics").status_code == 401
    for body in ({"label": "3", "z": [0, 0]}, {"label": "no", "z": [0, 0]}):
        client.post("/api/v1/decode", json=body, auth=("me", "secret"))
    client.get("/nowhere/at/all", auth=("me", "secret"))
    text = client.get("/metrics", auth=("me", "secret")).text
    assert 'condvae_requests_total{route="/api/v1/decode",status="200"} 1.0' in text
    assert 'condvae_requests_total{route="/api/v1/decode",status="400"} 1.0' in text
    assert 'condvae_requests_total{route="other",status="404"} 1.0' in text
    assert 'condvae_requests_total{route="other",status="401"} 1.0' in text
    assert 'condvae_request_seconds_count{route="/api/v1/decode"} 2.0' in text


@pytest.fixture
def two_workers(run: Run) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with listen("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    process = start("explore", run.path, "--port", port, "--workers", 2)
    address = f"http://127.0.0.1:{port}"
    begin = time.monotonic()
    while not answers(address):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - begin < PATIENCE
        time.sleep(0.2)
    yield address, process
    process.kill()  # its workers end, too, and close the pipes that are read here
    process.communicate(timeout=PATIENCE)


def answers(address: str) -> bool:
    try:
        with urlopen(f"{address}/health", timeout=10) as found:
            return bool(found.status == 200)
    except OSError:
        return False


def post(address: str, route: str, body: object) -> bytes:
    content = {"Content-Type": "application/json"}
    with urlopen(Request(f"{address}/api/v1/{route}", json.dumps(body).encode(), content), timeout=PATIENCE) as found:
        read: bytes = found.read()
        return read


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """The processes that serve, and the one that multiprocessing starts beside them."""
    found = subprocess.run(["pgrep", "-P", str(process.pid), "-f", "spawn_main"], capture_output=True, text=True)
    return list(map(int, found.stdout.split()))


@pytest.mark.slow
def test_200_clients_on_two_workers_of_which_one_is_killed(two_workers: tuple[str, subprocess.Popen[str]]) -> None:
    address, process = two_workers
    bodies = [{"label": str(number % 10), "z": [[number / 100, -1]]} for number in range(CLIENTS)]
    alone = [post(address, "decode?format=raw", body) for body in bodies]

    def client(number: int) -> list[bytes]:
        return [post(address, "decode?format=raw", bodies[number]) for _ in range(EACH)]

    with ThreadPoolExecutor(CLIENTS) as clients:
        found = list(clients.map(client, range(CLIENTS)))
    assert found == [[one] * EACH for one in alone]
    with urlopen(f"{address}/metrics") as metrics:
        counted = re.search(r'requests_total\{route="/api/v1/decode",status="200"\} (\d+)', metrics.read().decode())
    assert counted, "of both workers together"
    assert int(counted[1]) == CLIENTS * (1 + EACH)

    before = workers_of(process)
    os.kill(before[-1], signal.SIGKILL)
    begin = time.monotonic()
    while set(before) == set(workers_of(process)) or not answers(address) or len(workers_of(process)) < len(before):
        assert time.monotonic() - begin < PATIENCE
        time.sleep(0.2)
    assert post(address, "decode?format=raw", bodies[0]) == alone[0]


@pytest.mark.slow
def test_sigterm_lets_requests_end(two_workers: tuple[str, subprocess.Popen[str]], tmp_path: Path) -> None:
    address, process = two_workers
    answered: list[bytes] = []
    body = {"label": ["3"], "count": 1000, "seed": 0}
    asking = threading.Thread(target=lambda: answered.append(post(address, "generate?format=json", body)))
    asking.start()
    time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    asking.join()
    assert json.loads(answered[0])["shape"] == [1000, 1, 28, 28]
    assert process.wait(PATIENCE) == 0
