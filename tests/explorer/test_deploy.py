"""The container and the manifest of Kubernetes, as linters see them. No engine is here to run them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import condvae
from condvae.cli.main import parsers
from condvae.explorer.monitoring import HEALTH, METRICS
from condvae.explorer.options import Options
from condvae.explorer.server import GRACE

DEPLOY = Path(condvae.__file__).parents[1] / "deploy"


def lint(*command: str) -> str:
    """The complaints of a linter. Empty if it has none."""
    done = subprocess.run([f"{Path(sys.executable).parent}/{command[0]}", *command[1:]], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.fixture
def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8")))


def test_linters_accept_both_and_refuse_a_mistake(tmp_path: Path) -> None:
    validate = "kubernetes-validate", "--strict"
    assert lint("hadolint", str(DEPLOY / "Dockerfile")) == ""
    assert lint(*validate, str(DEPLOY / "kubernetes.yaml")) == ""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text((DEPLOY / "kubernetes.yaml").read_text("utf-8").replace("replicas", "replicaz"))
    assert "replicaz" in lint(*validate, str(wrong))


def test_they_name_what_the_server_has(manifests: list[dict[str, Any]]) -> None:
    dockerfile, port = (DEPLOY / "Dockerfile").read_text("utf-8"), Options.port
    assert f"EXPOSE {port}" in dockerfile
    assert f"127.0.0.1:{port}{HEALTH}" in dockerfile
    (explore,) = (parser for name, parser in parsers() if name == "explore")
    entry = yaml.safe_load(dockerfile.split("ENTRYPOINT ")[1].splitlines()[0])
    assert explore.parse_args([*entry[2:], "/model"]).workers == 2
    pod = manifests[0]["spec"]["template"]
    assert pod["metadata"]["annotations"]["prometheus.io/path"] == METRICS
    assert pod["spec"]["terminationGracePeriodSeconds"] > GRACE
    (container,) = pod["spec"]["containers"]
    assert container["ports"][0]["containerPort"] == port
    assert all(container[probe]["httpGet"]["path"] == HEALTH for probe in container if probe.endswith("Probe"))
