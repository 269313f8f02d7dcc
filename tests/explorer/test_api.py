"""The HTTP interface: it answers what the library does, says what is wrong, and gives nothing away."""

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

import condvae
from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset, LabelledImages, Values
from condvae.errors import ConfigError
from condvae.evaluation.study import Study
from condvae.explorer.options import Options
from condvae.explorer.schemas import State
from condvae.explorer.server import guarded, make_api
from condvae.explorer.session import Session
from condvae.model.cvae import CVAE
from condvae.run import Run
from condvae.training.fit import fit
from tests.conftest import as_text


def open_session(study: Study, **options: object) -> Session:
    session = Session(study, "a run", repr(str(study.run.path)), **options)
    assert session.map.codes is not None
    return session


def serve(session: Session, **options: object) -> TestClient:
    chosen = Options(**options)
    return TestClient(guarded(make_api(session), chosen), raise_server_exceptions=False)


@pytest.fixture(scope="module")
def session(study: Study) -> Session:
    return open_session(study)


@pytest.fixture(scope="module")
def client(session: Session) -> TestClient:
    return serve(session)


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Colour images of 64 x 48 pixels with two labels, another class and two numbers as conditions."""
    generator = np.random.default_rng(0)

    def part(count: int) -> LabelledImages:
        values = {
            "red": Values(generator.integers(0, 2, count), ("no", "yes")),
            "wide": Values(generator.normal(size=count).astype(np.float32)),
            "tall": Values(generator.normal(size=count).astype(np.float32)),
        }
        images = generator.integers(0, 255, (count, 3, 64, 48), dtype=np.uint8)
        return LabelledImages(images, np.arange(count) % 2, ("a", "b"), values)

    data = Dataset("rich", part(80), part(20))
    path = tmp_path_factory.mktemp("rich") / "run"
    conditions = ("label", "red", "wide", "tall")
    fit(
        Config(
            model=ModelConfig(latent=5, conditions=conditions, encoder=(8,), decoder=(8,)), trainer={"max_epochs": 1}
        ),
        path,
        data,
    )
    return open_session(Study(path, data))


def refused(client: TestClient, route: str, body: object, status: int = 400) -> str:
    response = client.post(f"/api/v1/{route}", json=body)
    assert response.status_code == status, response.text
    return str(response.json()["detail"])


def test_the_model_describes_itself(client: TestClient, rich: Session) -> None:
    found = client.get("/api/v1/model").json()
    assert (found["shape"], found["latent"], found["labels"]) == ([1, 28, 28], 2, list("0123456789"))
    found = serve(rich).get("/api/v1/model").json()
    assert [one["name"] for one in found["attributes"]] == ["red", "wide", "tall"]
    assert found["attributes"][0]["classes"] == ["no", "yes"]
    assert found["typical"]["red"] == "no"


def test_decoding_is_what_the_library_does(client: TestClient, model: CVAE) -> None:
    labels, z = ["3", 7], [[0.5, -1.0], [1.0, 2.0]]
    wanted = condvae.generate(model, labels, z=z)
    answer = client.post("/api/v1/decode", json={"labels": labels, "z": z}).json()
    assert answer["shape"] == [2, 1, 28, 28]
    assert (np.array(answer["images"]) == wanted).all()
    assert answer["supported"] == [True, True] or False in answer["supported"]
    raw = client.post("/api/v1/decode?format=raw", json={"labels": labels, "z": z})
    assert raw.headers["x-shape"] == "2,1,28,28"
    assert raw.content == wanted.tobytes()
    sheet = client.post("/api/v1/decode?format=png", json={"labels": labels, "z": z})
    pixels = np.asarray(Image.open(io.BytesIO(sheet.content)))
    assert (pixels[:, :28] == wanted[0, 0]).all()
    assert (pixels[:, 30:] == wanted[1, 0]).all()
    many = client.post("/api/v1/decode?format=raw", json={"labels": "3", "z": z * 40})
    assert many.headers["x-shape"] == "80,1,28,28", "more images than are decoded on the spot"


def test_far_out_is_off_the_support(client: TestClient) -> None:
    answer = client.post("/api/v1/decode", json={"labels": "3", "z": [[40.0, 40.0]]}).json()
    assert answer["supported"] == [False]


def test_generating_is_repeatable(client: TestClient, model: CVAE) -> None:
    body = {"labels": ["3", "4"], "count": 3, "seed": 5}
    answer = client.post("/api/v1/generate", json=body).json()
    assert answer == client.post("/api/v1/generate", json=body).json()
    assert (np.array(answer["images"]) == condvae.generate(model, [3, 3, 3, 4, 4, 4], z=answer["z"])).all()
    other = client.post("/api/v1/generate", json={"labels": "3", "source": "mixture"}).json()
    assert other["shape"] == [1, 1, 28, 28]


def test_what_is_too_long_for_a_header_is_left_out(client: TestClient) -> None:
    route = "/api/v1/generate?format=raw"
    few, many = (client.post(route, json={"labels": "3", "count": count}) for count in (3, 1000))
    assert len(json.loads(few.headers["x-about"])["z"]) == 3
    assert "x-about" not in many.headers
    assert few.headers["x-shape"] == "3,1,28,28"
    assert len(many.content) == 1000 * 28 * 28


def test_encoding_and_restyling(client: TestClient, model: CVAE, mnist: Dataset) -> None:
    image, label = mnist.test.images[:1], int(mnist.test.labels[0])
    found = client.post("/api/v1/encode", json={"image": as_text(image[0, 0]), "label": label}).json()
    np.testing.assert_allclose(found["z"], condvae.encode(model, image, label)[0], atol=1e-4)
    assert found["label"] == str(label)
    assert found["steps"] == []
    assert all(value > 0 for value in found["deviation"])
    guessed = client.post("/api/v1/encode", json={"image": as_text(image[0, 0])}).json()
    assert guessed["label"] == str(label), "the judge sees what it is"
    answer = client.post("/api/v1/restyle", json={"image": as_text(image[0, 0]), "labels": [2, "9"]}).json()
    assert (np.array(answer["images"][1]) == condvae.restyle(model, image, label, "9")[0]).all()
    assert (np.array(answer["reconstruction"]) == condvae.reconstruct(model, image, label)[0]).all()
    assert (np.array(answer["prepared"]) == image[0]).all()
    every = client.post("/api/v1/restyle?format=raw", json={"image": as_text(255 - image[0, 0])})
    assert every.headers["x-shape"] == "10,1,28,28"
    assert '"inverted"' in every.headers["x-about"]


def test_the_nearest_training_images(client: TestClient, mnist: Dataset, model: CVAE) -> None:
    answer = client.post("/api/v1/nearest", json={"label": "1", "z": [0, 0], "count": 3}).json()
    assert len(answer["labels"]) == len(answer["distances"]) == 3
    assert answer["distances"] == sorted(answer["distances"])
    image = condvae.generate(model, "1", z=[0, 0])[0].astype(float)
    every = (((mnist.train.images[:2000] - image) / 255) ** 2).mean((1, 2, 3)) ** 0.5
    assert answer["distances"][0] <= every.min() + 1e-6


def test_planes_overlays_and_grids(client: TestClient) -> None:
    plane = client.get("/api/v1/plane").json()
    assert plane["name"] == "0,1"
    assert len(plane["points"]) == len(plane["labels"]) == 5000
    body = {"measure": "slant", "label": "7", "z": [0, 0], "side": 5}
    assert np.array(client.post("/api/v1/overlay", json=body).json()["values"]).shape == (5, 5)
    assert client.get("/api/v1/grid?name=figure").json()["columns"] == 3
    assert "There is no plane" in client.get("/api/v1/plane?name=7,8").json()["detail"]


def test_animations(client: TestClient) -> None:
    path = [{"label": "4", "z": [0, 0]}, {"label": "9", "z": [1, 0]}]
    film = client.post("/api/v1/animate?format=gif", json={"path": path, "steps": 4, "rate": 10})
    picture = Image.open(io.BytesIO(film.content))
    assert (picture.n_frames, picture.size, picture.info["duration"]) == (5, (280, 280), 100)
    video = client.post("/api/v1/animate?format=mp4", json={"path": path, "steps": 4, "rate": 10})
    import av

    with av.open(io.BytesIO(video.content)) as opened:
        frames = [frame.to_ndarray(format="rgb24") for frame in opened.decode(video=0)]
    assert len(frames) == 5
    difference = np.abs(frames[0].astype(int) - np.asarray(picture.convert("RGB")))
    assert difference.mean() < 10, "the video shows what the GIF shows"


def test_the_evidence(client: TestClient) -> None:
    found = client.get("/api/v1/evidence").json()
    assert found["settings"]["model"]["latent"] == 2
    assert isinstance(found["figures"], list)


def test_models_with_other_conditions(rich: Session) -> None:
    client = serve(rich)
    z = [0.1, 0.2, 0.3, 0.4, 0.5]
    plain = client.post("/api/v1/decode", json={"labels": "b", "z": z}).json()["images"]
    typical = client.post(
        "/api/v1/decode", json={"labels": "b", "z": z, "attributes": dict(rich.model.conditions.typical)}
    )
    assert plain == typical.json()["images"]
    changed = client.post("/api/v1/decode", json={"labels": "b", "z": z, "attributes": {"red": "yes", "wide": 2.5}})
    assert changed.json()["images"] != plain
    image = as_text(np.asarray(rich.study.data.test.images[0].transpose(1, 2, 0)))
    found = client.post("/api/v1/restyle", json={"image": image, "prepare": False}).json()
    assert found["label"] in ("a", "b")
    assert set(found["attributes"]) == {"red", "wide", "tall"}
    assert found["shape"] == [2, 3, 64, 48]


@pytest.mark.parametrize(
    ("route", "body", "message"),
    [
        ("decode", {"labels": "x", "z": [0, 0]}, r"There is no label 'x'. Choose one of 0, 1"),
        ("decode", {"labels": "3", "z": [0, 0, 0]}, r"this model has 2 latent dimensions"),
        ("decode", {"labels": ["1", "2", "3"], "z": [[0, 0], [1, 1]]}, "The numbers do not match"),
        ("decode", {"labels": "3", "z": [0, 0], "attributes": {"hat": 1}}, "There is no attribute 'hat'"),
        (
            "decode",
            {"labels": "3", "z": [[0, 0]] * 1001},
            "1,001 images are asked for; this server gives 1,000 at once",
        ),
        ("generate", {"labels": "3", "count": 2000}, "2,000 images are asked for"),
        ("encode", {"image": "hello"}, "cannot be read as an image; allowed"),
        ("restyle", {"image": as_text(np.zeros((30, 30), np.uint8))}, "The image is empty"),
        ("overlay", {"measure": "beauty", "z": [0, 0], "label": "1"}, "There is no measure 'beauty'"),
        ("animate", {"path": [{"label": "1", "z": [0, 0]}, {"label": "1", "z": [0]}]}, "latent dimensions"),
        ("figure?view=restyle", {"z": [0, 0]}, "There is no image to restyle"),
        ("figure?view=animate", {"z": [0, 0]}, "A path has at least two stops"),
    ],
)
def test_what_is_not_possible_is_said(client: TestClient, route: str, body: dict, message: str) -> None:
    assert message in refused(client, route, body).replace("\\", "")


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("decode", {"labels": "3"}),
        ("decode", {"labels": "3", "z": [0, "a"]}),
        ("decode", {"labels": "3", "z": [1e9, 0]}),
        ("decode", {"labels": "3", "z": [0, 0], "more": 1}),
        ("decode", {"labels": [], "z": [0, 0]}),
        ("generate", {"labels": "3", "count": 0}),
        ("generate", {"labels": "3", "seed": -1}),
        ("generate", {"labels": "3", "source": "thin air"}),
        ("animate", {"path": []}),
        ("overlay", {"measure": "slant", "z": [0, 0], "side": 1000}),
        ("figure?view=none", {"z": [0, 0]}),
        ("figure?view=plane", {"z": [0, 0], "line": [[0, 0]]}),
    ],
)
def test_what_is_malformed_is_said(client: TestClient, route: str, body: dict) -> None:
    response = client.post(f"/api/v1/{route}", json=body)
    assert response.status_code == 422
    assert response.json()["detail"][0]["msg"]


def test_numbers_that_are_not_finite_are_refused(client: TestClient) -> None:
    response = client.post(
        "/api/v1/decode", content='{"labels": "3", "z": [NaN, Infinity]}', headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422
    assert "traceback" not in response.text.lower()


def test_nothing_of_the_server_leaks_out(study: Study, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
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


@pytest.mark.parametrize("path", ["../api.py", "%2e%2e/api.py", "..%2fapi.py", "%2fetc%2fpasswd", ".."])
def test_no_other_file_can_be_read(client: TestClient, path: str) -> None:
    assert client.get("/explorer/main.js").status_code == 200
    assert client.get(f"/explorer/{path}").status_code in (404, 405)


def test_a_password_is_asked_for(session: Session) -> None:
    client = serve(session, auth="me:se:cret")
    for attempt in (None, ("me", "wrong"), ("you", "se:cret"), ("", "")):
        response = client.get("/api/v1/model", auth=attempt)
        assert response.status_code == 401
        assert response.headers["www-authenticate"].startswith("Basic")
    assert client.get("/api/v1/model", headers={"Authorization": "Basic ###"}).status_code == 401
    assert client.get("/api/v1/model", auth=("me", "se:cret")).status_code == 200


def test_large_requests_are_refused(session: Session) -> None:
    client = serve(session, most_megabytes=0.01)
    large = {"image": "a" * 20_000}
    assert client.post("/api/v1/encode", json=large).status_code == 413

    def pieces() -> Iterator[bytes]:
        yield from (b"a" * 1000 for _ in range(20))

    response = client.post("/api/v1/encode", content=pieces(), headers={"Content-Type": "application/json"})
    assert response.status_code >= 400, "also those that do not say their size"
    assert client.get("/api/v1/model").status_code == 200


def test_only_allowed_sites_may_ask(session: Session) -> None:
    asks = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in serve(session).options("/api/v1/decode", headers=asks).headers
    allowed = serve(session, origins=("https://a.example",)).options("/api/v1/decode", headers=asks)
    assert allowed.headers["access-control-allow-origin"] == "https://a.example"


def test_allowed_sites_may_ask_with_a_password(session: Session) -> None:
    client, site = serve(session, auth="me:secret", origins=("https://a.example",)), {"Origin": "https://a.example"}
    asks = {**site, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    assert client.options("/api/v1/decode", headers=asks).status_code == 200, "browsers ask without the password"
    refused = client.get("/api/v1/model", headers=site)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://a.example"
    assert client.get("/api/v1/model", headers=site, auth=("me", "secret")).status_code == 200


def test_the_figure_of_restyle_measures_what_the_page_measures(rich: Session) -> None:
    client, state = serve(rich), states(rich)["restyle"].model_dump()
    name = next(variable["name"] for variable in rich.description["attributes"] if not variable["classes"])
    other = {**state, "attributes": {**state["attributes"], name: 5.0}}
    figures = [client.post("/api/v1/figure?view=restyle", json=body).content for body in (state, other)]
    assert figures[0] == figures[1]


def test_the_settings_name_no_folder_of_the_server(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "config", replace(study.config, data="idx:/home/somebody/digits"))
    settings = open_session(study).evidence["settings"]
    assert settings["data"] == "idx:digits"
    assert "somebody" not in json.dumps(settings)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"port": 0}, r"--port 0 is not possible; allowed: 1 to 65535"),
        ({"auth": "nobody"}, r"USER:PASSWORD, neither of them empty"),
        ({"auth": ":secret"}, r"USER:PASSWORD, neither of them empty"),
        ({"most_images": 0}, r"allowed: at least 1 image"),
        ({"most_megabytes": -1.0}, r"more than 0 megabytes"),
    ],
)
def test_options_that_are_not_possible(given: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Options(**given)


def test_serving_the_network_without_a_password_warns() -> None:
    assert "anyone who reaches 0.0.0.0 can use this server" in Options(host="0.0.0.0").warning
    assert not Options(host="0.0.0.0", auth="a:b").warning
    assert not Options().warning
    assert Options(host="::1").address == "http://[::1]:7860"


def states(session: Session) -> dict[str, State]:
    image = as_text(
        session.study.data.test.images[0]
        .squeeze()
        .transpose(*((1, 2, 0) if session.model.schema.shape[0] == 3 else (0, 1)))
    )
    first, second = session.model.conditions.classes[:2]
    z = [0.25] * session.model.config.latent
    other = [-0.5] * session.model.config.latent
    base = {"label": first, "other": second, "z": z, "attributes": dict(session.model.conditions.typical)}
    stops = [
        {"label": first, "z": z, "attributes": base["attributes"]},
        {"label": second, "z": other, "attributes": base["attributes"]},
    ]
    return {
        "generate": State(**base),
        "plane": State(**base, overlay="slant", line=[z, other]),
        "compare": State(**base, grid="draws"),
        "restyle": State(**base, first=image, shows=first),
        "animate": State(**base, path=stops, steps=3),
        "evidence": State(**base),
    }


@pytest.mark.parametrize("view", ["generate", "plane", "compare", "restyle", "animate", "evidence"])
@pytest.mark.parametrize("kind", ["session", "rich"])
def test_the_code_of_a_view_makes_its_figure(
    view: str, kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = request.getfixturevalue(kind)
    client, state = serve(session), states(session)[view]
    figure = client.post(f"/api/v1/figure?view={view}", json=state.model_dump())
    assert figure.status_code == 200, figure.text
    assert Image.open(io.BytesIO(figure.content)).width > 100
    assert client.post(f"/api/v1/figure?view={view}&format=svg", json=state.model_dump()).text.startswith("<?xml")
    code = client.post(f"/api/v1/code?view={view}", json=state.model_dump()).json()["code"]
    monkeypatch.chdir(tmp_path)
    if view == "restyle":
        Path("first.png").write_bytes(base64.b64decode(state.first))
    own = Study(Run(session.study.run.path), session.study.given_data)
    monkeypatch.setattr(condvae, "Study", lambda _: own, raising=False)
    exec(compile(code, view, "exec"), {})
    (made,) = set(tmp_path.glob("*.png")) - {tmp_path / "first.png"}
    assert made.read_bytes() == figure.content
    assert (tmp_path / "animation.gif").exists() == (view == "animate")


def test_one_class_and_no_labels(bars: Dataset, tmp_path: Path) -> None:
    chosen = bars.train.labels == 0
    one = Dataset(
        "one",
        *(
            LabelledImages(part.images[part.labels == 0], part.labels[part.labels == 0], ("only",))
            for part in (bars.train, bars.test)
        ),
    )
    assert chosen.any()
    small = {"encoder": (8,), "decoder": (8,), "latent": 3}
    for name, data, conditions in (("one", one, ("label",)), ("none", bars, ())):
        config = Config(
            model=ModelConfig(conditions=conditions, **small),
            training=TrainingConfig(batch_size=10),
            trainer={"max_epochs": 1},
        )
        fit(config, tmp_path / name, data)
        client = serve(open_session(Study(tmp_path / name, data)))
        labels = {"labels": "only"} if conditions else {}
        assert client.post("/api/v1/decode", json={**labels, "z": [0, 0, 0]}).json()["shape"] == [1, 3, 5, 7]
        image = as_text(np.asarray(data.test.images[0].transpose(1, 2, 0)))
        found = client.post("/api/v1/restyle", json={"image": image}).json()
        assert found["label"] == ("only" if conditions else None)
        assert client.get("/api/v1/plane?name=pca").json()["name"] == "pca"
        state = {"z": [0, 0, 0], "label": "only" if conditions else None}
        for view in ("generate", "plane", "evidence"):
            assert client.post(f"/api/v1/figure?view={view}", json=state).status_code == 200
