"""The HTTP interface: it answers what the library computes, and says what is allowed."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

import condvae
from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.evaluation.study import Study
from condvae.explorer.limits import LIMITS
from condvae.explorer.run_session import RunSession
from condvae.model.cvae import CVAE
from condvae.training.fit import fit
from tests.conftest import as_text
from tests.explorer.clients import open_session, refused, serve


def test_the_model_describes_itself(client: TestClient, rich: RunSession) -> None:
    found = client.get("/api/v1/model").json()
    assert (found["shape"], found["latent"], found["classes"]) == ([1, 28, 28], 2, list("0123456789"))
    found = serve(rich).get("/api/v1/model").json()
    assert [one["name"] for one in found["attributes"]] == ["red", "wide", "tall"]
    assert found["attributes"][0]["classes"] == ["no", "yes"]
    assert found["typical"]["red"] == "no"


def test_decoding_is_what_the_library_does(client: TestClient, model: CVAE) -> None:
    labels, z = ["3", 7], [[0.5, -1.0], [1.0, 2.0]]
    wanted = condvae.generate(model, labels, z=z)
    answer = client.post("/api/v1/decode", json={"label": labels, "z": z}).json()
    assert answer["shape"] == [4, 1, 28, 28], "labels and latent vectors cross"
    assert (np.array(answer["images"]) == wanted).all()
    assert len(answer["supported"]) == 4
    paired = client.post("/api/v1/decode", json={"label": labels, "z": z, "pair": True}).json()
    assert (np.array(paired["images"]) == condvae.generate(model, labels, z=z, pair=True)).all()
    raw = client.post("/api/v1/decode?format=raw", json={"label": labels, "z": z})
    assert raw.headers["x-shape"] == "4,1,28,28"
    assert raw.content == wanted.tobytes()
    sheet = client.post("/api/v1/decode?format=png", json={"label": labels, "z": z})
    pixels = np.asarray(Image.open(io.BytesIO(sheet.content)))
    assert (pixels[:, :28] == wanted[0, 0]).all()
    assert (pixels[:, 30:58] == wanted[1, 0]).all()
    many = client.post("/api/v1/decode?format=raw", json={"label": "3", "z": z * 40})
    assert many.headers["x-shape"] == "80,1,28,28", "more images than are decoded on the event loop"


def test_latent_vectors_far_from_all_codes_are_not_supported(client: TestClient) -> None:
    answer = client.post("/api/v1/decode", json={"label": "3", "z": [[40.0, 40.0]]}).json()
    assert answer["supported"] == [False]


def test_generating_is_repeatable(client: TestClient, model: CVAE) -> None:
    body = {"label": ["3", "4"], "count": 3, "seed": 5}
    answer = client.post("/api/v1/generate", json=body).json()
    assert answer == client.post("/api/v1/generate", json=body).json()
    assert (np.array(answer["images"]) == condvae.generate(model, [3, 3, 3, 4, 4, 4], z=answer["z"], pair=True)).all()
    other = client.post("/api/v1/generate", json={"label": "3", "prior": "mixture"}).json()
    assert other["shape"] == [1, 1, 28, 28]


def test_values_that_are_too_long_for_a_header_are_left_out(client: TestClient) -> None:
    route = "/api/v1/generate?format=raw"
    few, many = (client.post(route, json={"label": "3", "count": count}) for count in (3, 1000))
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
    assert guessed["label"] == str(label), "the judge detects the label"
    answer = client.post("/api/v1/restyle", json={"image": as_text(image[0, 0]), "new_label": [2, "9"]}).json()
    assert (np.array(answer["images"][1]) == condvae.restyle(model, image, label, "9")[0]).all()
    assert (np.array(answer["reconstruction"]) == condvae.reconstruct(model, image, label)[0]).all()
    assert (np.array(answer["prepared"]) == image[0]).all()
    zero = client.post("/api/v1/restyle", json={"image": as_text(image[0, 0]), "label": 7, "new_label": 0}).json()
    assert (np.array(zero["images"][0]) == condvae.restyle(model, image, 7, "0")[0]).all(), "0 is a label like others"
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
    assert len(plane["points"]) == len(plane["labels"]) == LIMITS.points
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
    assert difference.mean() < 10, "the video shows the images of the GIF"
    images = client.post("/api/v1/interpolate", json={"path": path, "steps": 4}).json()["images"]
    assert np.array_equal(np.array(images)[0, 0], np.asarray(picture.convert("L"))[::10, ::10])


def test_the_evidence(client: TestClient) -> None:
    found = client.get("/api/v1/evidence").json()
    assert found["settings"]["model"]["latent"] == 2
    assert isinstance(found["figures"], list)


def test_models_with_other_conditions(rich: RunSession) -> None:
    client = serve(rich)
    z = [0.1, 0.2, 0.3, 0.4, 0.5]
    plain = client.post("/api/v1/decode", json={"label": "b", "z": z}).json()["images"]
    typical = client.post(
        "/api/v1/decode", json={"label": "b", "z": z, "attributes": dict(rich.model.conditions.typical)}
    )
    assert plain == typical.json()["images"]
    changed = client.post("/api/v1/decode", json={"label": "b", "z": z, "attributes": {"red": "yes", "wide": 2.5}})
    assert changed.json()["images"] != plain
    image = as_text(np.asarray(rich.study.data.test.images[0].transpose(1, 2, 0)))
    found = client.post("/api/v1/restyle", json={"image": image, "prepare": False}).json()
    assert found["label"] in ("a", "b")
    assert set(found["attributes"]) == {"red", "wide", "tall"}
    assert found["shape"] == [2, 3, 64, 48]


@pytest.mark.parametrize(
    ("route", "body", "message"),
    [
        ("decode", {"label": "x", "z": [0, 0]}, r"There is no label 'x'. Choose one of 0, 1"),
        ("decode", {"label": "3", "z": [0, 0, 0]}, r"this model has 2 latent dimensions"),
        ("decode", {"label": ["1", "2", "3"], "z": [[0, 0], [1, 1]], "pair": True}, "The numbers do not match"),
        ("decode", {"label": "3", "z": [0, 0], "attributes": {"hat": 1}}, "There is no attribute 'hat'"),
        (
            "decode",
            {"label": "3", "z": [[0, 0]] * 1001},
            "1,001 images are requested. This server sends at most 1,000 at once",
        ),
        ("generate", {"label": "3", "count": 2000}, "2,000 images are requested"),
        ("encode", {"image": "hello"}, "cannot be read as an image; allowed"),
        ("restyle", {"image": as_text(np.zeros((30, 30), np.uint8))}, "The image is empty"),
        (
            "overlay",
            {"measure": "beauty", "z": [0, 0], "label": "1"},
            "There is no measure 'beauty'. Choose from: confidence, slant",
        ),
        ("animate", {"path": [{"label": "1", "z": [0, 0]}, {"label": "1", "z": [0]}]}, "latent dimensions"),
    ],
)
def test_impossible_values_get_a_message(client: TestClient, route: str, body: dict, message: str) -> None:
    assert message in refused(client, route, body).replace("\\", "")


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("decode", {"label": "3"}),
        ("decode", {"label": "3", "z": [0, "a"]}),
        ("decode", {"label": "3", "z": [1e9, 0]}),
        ("decode", {"label": "3", "z": [0, 0], "more": 1}),
        ("decode", {"label": [], "z": [0, 0]}),
        ("generate", {"label": "3", "count": 0}),
        ("generate", {"label": "3", "seed": -1}),
        ("generate", {"label": "3", "prior": "thin air"}),
        ("animate", {"path": []}),
        ("overlay", {"measure": "slant", "z": [0, 0], "side": LIMITS.max_side + 1}),
        ("animate", {"path": [{"z": [0, 0]}] * 2, "steps": LIMITS.max_steps + 1}),
        ("nearest", {"z": [0, 0], "count": LIMITS.max_neighbours + 1}),
        ("generate", {"label": "3", "seed": LIMITS.max_seed + 1}),
        ("interpolate", {"path": []}),
    ],
)
def test_malformed_requests_are_refused(client: TestClient, route: str, body: dict) -> None:
    response = client.post(f"/api/v1/{route}", json=body)
    assert response.status_code == 422
    assert response.json()["detail"][0]["msg"]


@pytest.mark.parametrize(
    ("route", "body", "message"),
    [
        ("decode", {"labels": "3", "z": [0, 0]}, "'labels' is called 'label' now"),
        ("generate", {"label": "3", "source": "mixture"}, "'source' is called 'prior' now"),
        ("restyle", {"image": "", "labels": ["3"]}, "'labels' is called 'new_label' now"),
    ],
)
def test_keys_of_earlier_versions_are_answered_with_the_new_key(
    client: TestClient, route: str, body: dict, message: str
) -> None:
    assert message in refused(client, route, body, 422).replace('"', "'")


def test_numbers_that_are_not_finite_are_refused(client: TestClient) -> None:
    response = client.post(
        "/api/v1/decode", content='{"label": "3", "z": [NaN, Infinity]}', headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422
    assert "traceback" not in response.text.lower()


def test_one_class_and_no_labels(bars: Dataset, tmp_path: Path) -> None:
    one = Dataset(
        "one",
        *(
            LabelledImages(part.images[part.labels == 0], part.labels[part.labels == 0], ("only",))
            for part in (bars.train, bars.test)
        ),
    )
    small = {"encoder": (8,), "decoder": (8,), "latent": 3}
    for name, data, conditions in (("one", one, ("label",)), ("none", bars, ())):
        config = Config(
            model=ModelConfig(conditions=conditions, **small),
            training=TrainingConfig(batch_size=10),
            trainer={"max_epochs": 1},
        )
        fit(config, tmp_path / name, data)
        client = serve(open_session(Study(tmp_path / name, data)))
        labels = {"label": "only"} if conditions else {}
        assert client.post("/api/v1/decode", json={**labels, "z": [0, 0, 0]}).json()["shape"] == [1, 3, 5, 7]
        image = as_text(np.asarray(data.test.images[0].transpose(1, 2, 0)))
        found = client.post("/api/v1/restyle", json={"image": image}).json()
        assert found["label"] == ("only" if conditions else None)
        assert client.get("/api/v1/plane?name=pca").json()["name"] == "pca"
        assert client.post("/api/v1/nearest", json={**labels, "z": [0, 0, 0]}).status_code == 200
