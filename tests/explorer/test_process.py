"""The explorer as a process: its command, the examples of its documentation, and the files it must not give away."""

import json
import re
import socket
import subprocess
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from PIL import Image

import condvae
from condvae.run import Run
from tests.conftest import Cli


def test_the_examples_of_the_documentation_run(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands run in their order, then the Python code."""
    text = (Path(condvae.__file__).parent.parent / "docs" / "explorer.md").read_text("utf-8")
    text = re.sub(r"(http://)?(localhost|127\.0\.0\.1):7860", address, text)
    monkeypatch.chdir(tmp_path)
    (console,) = (
        block for block in re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL) if "curl " in block
    )
    commands = [line.removeprefix("$ ") for line in console.splitlines()]
    assert all(command.startswith("curl ") for command in commands)
    answers = [
        subprocess.run(["bash", "-c", one], check=True, capture_output=True, text=True).stdout for one in commands
    ]
    assert json.loads(answers[0])["latent"] == 2
    assert json.loads(answers[1])["shape"] == [2, 1, 28, 28]
    with Image.open("three.png") as three:
        assert three.size == (28, 28)
    assert len(json.loads(answers[3])["z"]) == 2
    names: dict = {}
    for python in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        exec(compile(python, "docs/explorer.md", "exec"), names)
    names["page"].stop()
    with Image.open("restyled.png") as restyled:
        assert restyled.size == (2 * 28 + 2, 28)


def test_no_file_of_the_machine_is_given_away(address: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("nobody may read this")
    for path in ("/etc/passwd", run.path / "model.json", tmp_path / "secret.txt", Path.cwd() / "pyproject.toml"):
        for route in ("", "explorer/", "explorer/..", "explorer/%2e%2e%2f", "api/static/", "file="):
            with pytest.raises(HTTPError) as refusal:
                urlopen(f"{address}/{route}{path}")
            assert refusal.value.code in (401, 403, 404, 405, 422)
            assert b"nobody may" not in refusal.value.read()


def test_a_port_in_use_is_named(run: Run, command: Cli) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        message = command.fails("explore", run.path, "--port", port)
    assert re.search(rf"Port {port} on 127\.0\.0\.1 cannot be used .*Choose another port with --port", message)


def test_mistakes_on_the_command_line(run: Run, command: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--port must be from 1 to 65535, got 0." in command.fails("explore", run.path, "--port", "0")
    assert "USER:PASSWORD" in command.fails("explore", run.path, "--auth", "secret")
    monkeypatch.setenv("CONDVAE_AUTH", "secret")
    assert "USER:PASSWORD" in command.fails("explore", run.path)
