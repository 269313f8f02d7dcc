"""Runs on the Hub: pushed to and pulled from a stand-in of its HTTP interface, through real sockets."""

import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import yaml

import condvae
from condvae.errors import ConfigError, RunError
from condvae.export.hub import PICTURE, push, without_places
from condvae.hub import FILES, parse
from condvae.run import SHIPPED, Run
from condvae.storage.files import sha256
from tests.conftest import Cli
from tests.export.hub_stand_in import Hub

NAME = "me/digits"
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # of huggingface_hub itself


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub with an empty cache, to which we are logged in."""
    from huggingface_hub import constants

    server = Hub()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    template = f"{server.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_TOKEN", server.token)
    monkeypatch.setattr(logging.getLogger("huggingface_hub"), "handlers", [])  # it writes to an earlier stderr
    monkeypatch.chdir(tmp_path)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_pushed_model_is_pulled_into_an_empty_cache_and_is_the_same(hub: Hub, capsys: pytest.CaptureFixture) -> None:
    pushed = push("pretrained", NAME, licence="mit")
    assert pushed.address == f"{hub.address}/{NAME}"
    model = condvae.load(f"hf://{NAME}")
    assert np.array_equal(
        condvae.generate(model, "3", seed=1), condvae.generate(condvae.load("pretrained"), "3", seed=1)
    )
    found = Run.find(f"hf://{NAME}")
    assert sha256(found.weights) == sha256(Run(SHIPPED).weights), "the same bytes"
    assert sha256(found.mixture) == sha256(Run(SHIPPED).mixture)
    assert "Looking for hf://me/digits" in capsys.readouterr().err
    assert hub.repositories[NAME].private is False
    assert push("pretrained", "me/secret", private=True).address
    assert hub.repositories["me/secret"].private


def test_a_push_has_only_what_belongs_to_a_finished_run(hub: Hub, tmp_path: Path) -> None:
    run = Run(Path(shutil.copytree(SHIPPED, tmp_path / "run")))
    for name in ("cvae.ckpt", "report.html", "notes.txt", "split.csv"):
        (run.path / name).write_text("mine")
    settings = yaml.safe_load(run.config_file.read_text())
    settings["data"] = {"source": "folder:/home/me/photos of cats"}
    run.config_file.write_text(yaml.safe_dump(settings))
    description = json.loads(run.description.read_text())
    description["config"] = settings
    run.description.write_text(json.dumps(description))
    pushed = push(run, NAME)
    files = hub.repositories[NAME].versions[-1]
    assert (
        set(files)
        == set(pushed.files)
        == {*(name for name in FILES if (run.path / name).is_file()), "README.md", PICTURE}
    )
    for name, data in files.items():
        assert b"/home/me" not in data, name
    assert yaml.safe_load(files["config.yaml"])["data"]["source"] == "folder:photos of cats"
    assert condvae.load(f"hf://{NAME}").schema == condvae.load("pretrained").schema
    push(run, NAME, checkpoint=True)
    assert hub.repositories[NAME].versions[-1]["cvae.ckpt"] == b"mine"
    (run.path / "evaluation.json").unlink()
    push(run, NAME)
    assert "evaluation.json" not in hub.repositories[NAME].versions[-1], "figures of another push do not stay"


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("folder:/home/me/photos", "folder:photos"),
        ("idx:C:\\data\\digits", "idx:digits"),
        ("~/photos", "photos"),
        ("folder:photos", "folder:photos"),
        ("mnist", "mnist"),
        ({"a": ["/tmp/x", 3, None]}, {"a": ["x", 3, None]}),
    ],
)
def test_places_are_shortened(value: object, wanted: object) -> None:
    assert without_places(value) == wanted


def test_the_card_says_what_the_model_is_and_how_good(hub: Hub) -> None:
    card = push("pretrained", NAME, licence="cc-by-4.0", dry_run=True).card
    head = yaml.safe_load(card.split("---")[1])
    assert head["license"] == "cc-by-4.0"
    assert head["library_name"] == "condvae"
    assert f'model = condvae.load("hf://{NAME}")' in card
    measured = condvae.Study("pretrained").run.evaluation
    mse = json.loads(measured.read_text())["parts"]["reconstruction"]["mse"]
    assert f"{mse['value']:.4g} ± {mse['error']:.2g} | {mse['count']:,} | {mse['protocol']}" in card
    assert "28 x 28 pixels" in card
    assert f"![Images of each class]({PICTURE})" in card
    assert not hub.requests, "a dry run sends nothing"


def test_the_commands_push_and_pull(hub: Hub, tmp_path: Path, command: Cli) -> None:
    output = command("push", "pretrained", NAME, "--dry-run")
    assert "Nothing was sent." in output
    assert "# digits" in output
    assert "bytes  model.safetensors" in output
    assert f"Pushed: {hub.address}/{NAME}" in command("push", "pretrained", NAME)
    address = f"hf://{NAME}"
    assert "Drew 2 images" in command("generate", address, "--label", 3, "--count", 2, "--out", tmp_path / "threes")
    output = command("figure", "compare", address, "--label", 4, 9)
    assert f"Written: {Path('runs/me--digits/figures/compare.png')}" in output, "nothing is written into the cache"


def test_a_revision_is_a_version_and_the_cache_serves_without_a_network(
    hub: Hub, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    push("pretrained", NAME)
    commit = hub.repositories[NAME].commit(1)
    assert condvae.load(f"hf://{NAME}@{commit}").config.latent == 2
    condvae.load(f"hf://{NAME}")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    capsys.readouterr()
    for address in (f"hf://{NAME}", f"hf://{NAME}@{commit}"):
        assert condvae.load(address).config.latent == 2
        assert "The Hub is not reachable. A copy in the cache is used" in capsys.readouterr().err
    with pytest.raises(RunError, match=r"hf://me/other is not available: .* Check the connection"):
        condvae.load("hf://me/other")


def test_mistakes_are_explained(hub: Hub, monkeypatch: pytest.MonkeyPatch, command: Cli) -> None:
    for address in ("hf://digits", "hf://a/b/c", "hf://a/b@", "hf://a b/c", "hf://a/b--c", "hf://a/.b", "hf://a/b.git"):
        with pytest.raises(ConfigError, match=r"is no address on the Hub\. Write hf://USER/NAME"):
            parse(address)
    with pytest.raises(RunError, match=r"There is no model me/none on the Hub, or you have no access"):
        condvae.load("hf://me/none")
    assert "names a revision" in command.fails("push", "pretrained", "me/digits@main")
    assert "'digits' cannot be the name of a repository on the Hub. Push to USER/NAME" in command.fails(
        "push", "pretrained", "digits"
    )
    assert "Download it, with its cvae.ckpt" in command.fails("train", "--resume", f"hf://{NAME}")
    assert "is not finished" in command.fails("push", unfinished(), NAME)
    assert "has no checkpoint cvae.ckpt" in command.fails("push", "pretrained", NAME, "--checkpoint")
    push("pretrained", NAME)
    with pytest.raises(RunError, match=r"me/digits has no revision 'v9'"):
        condvae.load(f"hf://{NAME}@v9")
    hub.repositories[NAME].versions.append({"README.md": b"another model"})
    with pytest.raises(RunError, match=r"is no model of condvae: it has no model\.json and no model\.safetensors"):
        condvae.load(f"hf://{NAME}")
    monkeypatch.setenv("HF_TOKEN", "wrong")
    assert "Log in with 'hf auth login', or set HF_TOKEN" in command.fails("push", "pretrained", "me/new")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    assert "The Hub is not reachable" in command.fails("push", "pretrained", NAME)


def unfinished() -> Path:
    path = Path("begun")
    path.mkdir()
    (path / "config.yaml").write_text("{}")
    return path


def test_what_was_changed_on_the_way_is_refused(hub: Hub) -> None:
    push("pretrained", NAME)
    files = hub.repositories[NAME].versions[-1]
    newer = json.loads(files["model.json"]) | {"format": 99}
    hub.repositories[NAME].versions.append({**files, "model.json": json.dumps(newer).encode()})
    with pytest.raises(RunError, match=r"format version 99.*pip install --upgrade condvae"):
        condvae.load(f"hf://{NAME}")
    damaged = bytearray(files["model.safetensors"])
    damaged[-1] ^= 1
    hub.repositories[NAME].versions.append({**files, "model.safetensors": bytes(damaged)})
    with pytest.raises(RunError, match=r"has the SHA-256 digest .* Restore them"):
        condvae.load(f"hf://{NAME}")


def test_an_interrupted_download_leaves_nothing_half(hub: Hub) -> None:
    push("pretrained", NAME)
    hub.broken_after = 1000
    with pytest.raises(RunError, match=r"the connection broke, and the cache has no complete copy"):
        condvae.load(f"hf://{NAME}")
    hub.broken_after = 0
    assert sha256(Run.find(f"hf://{NAME}").weights) == sha256(Run(SHIPPED).weights)


def test_an_interrupted_upload_changes_nothing(hub: Hub) -> None:
    push("pretrained", NAME)
    before = list(hub.repositories[NAME].versions)
    for route in ("commit", "preupload", "upload", "batch"):
        hub.broken_route = route
        hub.large.clear()
        with pytest.raises(RunError, match=r"No file was changed\. .*un the command again"):
            push(changed(NAME), NAME)
        assert hub.repositories[NAME].versions == before, route


def changed(name: str) -> Run:
    """A run that differs from the shipped one in a large file and in a small one."""
    run = Run(Path(shutil.copytree(SHIPPED, Path("changed"), dirs_exist_ok=True)))
    (run.path / "metrics.csv").write_text("epoch,loss\n0,1\n")
    return run


def test_files_of_other_weights_are_not_pushed(hub: Hub, earlier: Path) -> None:
    run = Run(earlier / "squared-error")
    shutil.copy(Run(SHIPPED).mixture, run.mixture)
    assert "mixture.safetensors" not in push(run, NAME).files
    assert "evaluation.json" not in push(run, NAME).files, "it was measured by an earlier version"


def test_a_model_with_attributes_is_pushed_with_code_that_runs(hub: Hub, earlier: Path) -> None:
    card = push(earlier / "attributes", NAME).card
    code = card.split("```python\n")[1].split("```")[0]
    found: dict[str, object] = {}
    exec(code, found)
    assert found["images"].shape[0] == 16


def test_class_names_that_look_like_paths_stay(hub: Hub, earlier: Path) -> None:
    run = Run(earlier / "squared-error")
    description = json.loads(run.description.read_text())
    names = ["/m/01g317", "/n/01g317", "a:/b"]
    description["schema"]["classes"] = names
    run.description.write_text(json.dumps(description))
    push(run, NAME)
    assert list(condvae.load(f"hf://{NAME}").schema.classes) == names


def test_the_environment_names_the_hub(hub: Hub, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_XET": "1",
    }
    push("pretrained", NAME)
    code = f"import condvae; print(condvae.generate(condvae.load('hf://{NAME}'), '3').shape)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 1, 28, 28)"
    assert ("GET", f"/api/models/{NAME}") in hub.requests


def test_the_page_is_pushed_as_a_space(hub: Hub, command: Cli) -> None:
    assert f"Pushed: {hub.address}" in command("push", "pretrained", NAME, "--space", "--license", "mit")
    files = hub.repositories[NAME].versions[-1]
    head = yaml.safe_load(files["README.md"].decode().split("---")[1])
    assert head == {"title": "digits", "sdk": "static", "tags": ["condvae"], "license": "mit"}
    assert {"index.html", "sw.js", "model/decode.onnx", "explorer/main.js"} <= files.keys()
    assert ("POST", f"/api/spaces/{NAME}/commit/main") in hub.requests
    message = command.fails("push", "pretrained", NAME, "--space", "--checkpoint")
    assert "--checkpoint is not for --space" in message
