"""What a trained model does, from Python: shapes, types, repeatability, and every wrong input."""

import numpy as np
import pytest
import torch

import condvae
from condvae.config import ModelConfig
from condvae.data.dataset import Dataset
from condvae.errors import InputError
from condvae.inference.batched import decode
from condvae.model.cvae import CVAE
from condvae.model.likelihoods import FIRST_SIGMA
from condvae.schema import Schema


def test_generate_by_label_and_z(model: CVAE) -> None:
    images = condvae.generate(model, [3, "3", 4], z=[[0.5, -1.0]])
    assert images.shape == (3, 1, 28, 28)
    assert images.dtype == np.uint8
    assert (images[0] == images[1]).all()
    assert (images[0] != images[2]).any()


def test_labels_and_latent_vectors_cross_or_are_paired(model: CVAE) -> None:
    z = [[0.5, -1.0], [0.0, 1.0]]
    crossed = condvae.generate(model, ["4", "9"], z=z)
    wanted = [condvae.generate(model, label, z=vector)[0] for label in ("4", "9") for vector in z]
    assert np.abs(crossed.astype(int) - np.stack(wanted)).max() <= 1
    paired = condvae.generate(model, ["4", "9"], z=z, pair=True)
    assert np.abs(paired.astype(int) - crossed[[0, 3]]).max() <= 1
    assert condvae.generate(model, "4", z=z, pair=True).shape == (2, 1, 28, 28)


def test_count_is_the_number_of_images_of_each_label(model: CVAE) -> None:
    images = condvae.generate(model, [4, 9], count=3, seed=0)
    assert (images == condvae.generate(model, [4] * 3 + [9] * 3, seed=0)).all()


def test_samples_of_pixels_are_repeatable_and_not_the_mean() -> None:
    schema, config = Schema((1, 4, 4), ("a", "b")), ModelConfig(encoder=(8,), decoder=(8,), likelihood="bernoulli")
    torch.manual_seed(0)
    model = CVAE(config, schema).eval()
    first, again, other = (condvae.generate(model, "a", count=5, sample=True, seed=seed) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    assert set(np.unique(first)) == {0, 255}
    assert len(np.unique(condvae.generate(model, "a", count=5, seed=1))) > 2


def test_one_label_or_one_z_for_all(model: CVAE) -> None:
    every = condvae.generate(model, model.conditions.classes, z=[0.5, -1.0])
    assert len(every) == 10
    three = condvae.generate(model, 3, z=torch.tensor([[0.5, -1.0], [0.0, 0.0]], requires_grad=True))
    # matrix products of another size may round differently
    assert np.abs(every[3].astype(int) - three[0]).max() <= 1
    assert condvae.generate(model, np.array([1, 2])).shape[0] == 2
    assert condvae.generate(model, torch.tensor([1, 2])).shape[0] == 2


def test_a_seed_repeats_and_leaves_the_global_state_alone(model: CVAE) -> None:
    before = torch.get_rng_state()
    first, again, other = (condvae.generate(model, "7", count=5, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert (first == again).all()
    assert (first != other).any()
    assert len({image.tobytes() for image in first}) == 5


def test_a_style_is_the_same_for_every_label_of_a_learned_prior() -> None:
    """Two labels whose codes lie far apart: in standard coordinates they are at the same place."""
    schema = Schema((1, 4, 4), ("a", "b"))
    torch.manual_seed(0)
    model = CVAE(ModelConfig(encoder=(8,), decoder=(8,), prior="gaussian", likelihood="gaussian"), schema).eval()
    with torch.no_grad():
        model.prior.weight.copy_(torch.tensor([[5.0, -5.0], [0.0, 0.0], [1.0, -1.0], [0.0, 0.0]]))
    images = np.random.default_rng(0).integers(0, 256, (3, 1, 4, 4), dtype=np.uint8)
    with torch.no_grad():
        q = model.encode(torch.from_numpy(images) / 255, torch.zeros(3, 1))
        first, second = (model.prior(torch.eye(2)[[label]]) for label in (0, 1))
        style = (q.mean - first.mean) / first.stddev
        wanted = model.decode(second.mean + second.stddev * style, torch.ones(3, 1)).mean
    np.testing.assert_allclose(condvae.encode(model, images, "a"), style, atol=1e-5)
    found = condvae.restyle(model, images, "a", "b")
    assert np.abs(found - 255 * wanted.numpy()).max() <= 0.51
    assert np.array_equal(condvae.generate(model, "b", z=style), found)


@pytest.mark.parametrize(
    ("likelihood", "deviation"), [("bernoulli", 0.2), ("continuous-bernoulli", 0.2), ("gaussian", 0.9 * FIRST_SIGMA)]
)
def test_samples_of_the_decoder_scatter_about_its_mean(likelihood: str, deviation: float) -> None:
    schema, config = Schema((1, 4, 4), ("a", "b")), ModelConfig(encoder=(8,), decoder=(8,), likelihood=likelihood)
    torch.manual_seed(0)
    model = CVAE(config, schema).eval()
    z, given = torch.zeros(4000, 2), torch.ones(4000, 1)
    mean = decode(model, z, given)
    assert mean.std(0).max() < 1e-5
    samples = decode(model, z, given, sample=True)
    assert samples.std(0).min() > deviation
    assert samples.min() == 0 if likelihood != "continuous-bernoulli" else samples.min() > 0
    assert samples.max() <= 1
    if likelihood == "bernoulli":
        assert set(samples.unique().tolist()) == {0.0, 1.0}
    if likelihood != "gaussian":  # whose samples are clipped
        assert (samples.mean(0) - mean[0]).abs().max() < 0.04


def test_generating_does_not_change_the_mode(model: CVAE) -> None:
    model.train()
    first, again = (condvae.generate(model, "7", z=[0, 0]) for _ in range(2))
    assert model.training
    assert (first == again).all(), "dropout must be off"
    model.eval()


def test_encode_reconstruct_restyle(model: CVAE, mnist: Dataset) -> None:
    images, labels = mnist.test.images[:20], mnist.test.labels[:20]
    z = condvae.encode(model, images, labels)
    assert z.shape == (20, 2)
    assert z.dtype == np.float32
    assert (condvae.reconstruct(model, images, labels) == condvae.generate(model, labels, z=z, pair=True)).all()
    assert (condvae.restyle(model, images, labels, "9") == condvae.generate(model, "9", z=z)).all()
    np.testing.assert_allclose(condvae.encode(model, images[:, 0] / 255, labels), z, atol=1e-5)
    np.testing.assert_allclose(condvae.encode(model, torch.from_numpy(images), torch.from_numpy(labels)), z, atol=1e-6)


def test_chunks_do_not_matter(model: CVAE, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = condvae.generate(model, 3, count=25, seed=0)
    monkeypatch.setattr("condvae.inference.batched.CHUNK", 7)
    assert np.abs(whole.astype(int) - condvae.generate(model, 3, count=25, seed=0)).max() <= 1


@pytest.mark.parametrize("label", [10, -1, "x", "33", 2.5])
def test_label_outside_the_classes(model: CVAE, label: object) -> None:
    with pytest.raises(InputError, match=r"There is no label .*Choose one of 0, 1, 2.*or a number from 0 to 9"):
        condvae.generate(model, label)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        ([1.0], r"z has the shape \(1,\); this model has 2 latent dimensions"),
        ([[1.0, 2.0, 3.0]], r"z has the shape \(1, 3\)"),
        ([np.nan, 0.0], "is not finite"),
        ([[0.0, 1.0], [0.0, np.inf]], "is not finite"),
        ("abc", "cannot be read as numbers"),
        ([[1.0, 2.0], [1.0]], "cannot be read as numbers"),
        (np.zeros((0, 2)), "z has the shape"),
    ],
)
def test_z_that_does_not_fit(model: CVAE, z: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        condvae.generate(model, 3, z=z)


def test_numbers_that_do_not_match(model: CVAE, mnist: Dataset) -> None:
    with pytest.raises(InputError, match="The numbers do not match: 3 labels and 2 latent vectors z"):
        condvae.generate(model, [1, 2, 3], z=np.zeros((2, 2)), pair=True)
    with pytest.raises(InputError, match="pair=True pairs labels with latent vectors, but there is no z"):
        condvae.generate(model, [1, 2], pair=True)
    with pytest.raises(InputError, match="z sets the latent vectors, and count = 2 draws them"):
        condvae.generate(model, 3, z=[0, 0], count=2)
    with pytest.raises(InputError, match="There are 2 values of a condition for 3 images"):
        condvae.encode(model, mnist.test.images[:3], [1, 2])
    with pytest.raises(InputError, match="count must be from 1 to 1,000,000,000,000, got 0"):
        condvae.generate(model, 3, count=0)
    with pytest.raises(InputError, match="list of values of 'label' is empty"):
        condvae.generate(model, [])


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ("mixture", r"The mixture is kept in the run folder. Give prior=condvae.load_mixture\(RUN\)"),
        ("uniform", "prior must be one of prior, mixture, or a module, got 'uniform'"),
    ],
)
def test_priors_that_are_not_possible(model: CVAE, prior: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        condvae.generate(model, 3, prior=prior)


def test_a_label_is_needed(model: CVAE) -> None:
    with pytest.raises(InputError, match=r"This model needs a label. Choose from: 0, 1"):
        condvae.generate(model)


def test_images_that_do_not_fit(model: CVAE) -> None:
    with pytest.raises(InputError, match=r"shape \(2, 1, 28, 27\); this model takes \(B, 1, 28, 28\)"):
        condvae.encode(model, np.zeros((2, 1, 28, 27), np.uint8), 3)
    with pytest.raises(InputError, match=r"float64 run from 0.0 to 255.0; give uint8 from 0 to 255"):
        condvae.encode(model, np.array([[0.0, 255.0] * 14] * 28)[np.newaxis], 3)
    with pytest.raises(InputError, match="run from nan"):
        condvae.encode(model, np.full((1, 28, 28), np.nan), 3)


def test_a_model_without_labels(study) -> None:
    autoencoder = study.autoencoder.model
    assert condvae.generate(autoencoder, z=[0, 0, 0]).shape == (1, 1, 28, 28)
    assert condvae.generate(autoencoder, count=4, seed=0).shape == (4, 1, 28, 28)
    with pytest.raises(InputError, match="given to a model without labels"):
        condvae.generate(autoencoder, "3")


def test_interpolation_goes_from_stop_to_stop(model: CVAE) -> None:
    z = [[-1.0, 0.5], [1.0, 0.5], [1.0, -1.0]]
    way = condvae.interpolate(model, ["4", "9", "9"], z, steps=4)
    assert way.shape == (9, 1, 28, 28)
    for place, label, vector in ((0, 4, z[0]), (4, 9, z[1]), (8, 9, z[2]), (6, 9, [1.0, -0.25])):
        assert np.abs(way[place].astype(int) - condvae.generate(model, label, z=vector)[0]).max() <= 1
    steps = np.abs(np.diff(way.astype(int), axis=0)).mean((1, 2, 3))
    whole = np.abs(way[0].astype(int) - way[4]).mean()
    assert (steps[:4] < whole).all(), "labels change step by step, too"
    labels = condvae.interpolate(model, ["4", "9"], [0.0, 0.0], steps=2)
    assert (labels[1] != labels[0]).any()
    assert (labels[1] != labels[2]).any()


@pytest.mark.parametrize(
    ("labels", "z", "steps", "message"),
    [
        ("4", [[0, 0]], 3, "A path needs at least 2 stops and 1 step between them, got 1 and 3"),
        ("4", [[0, 0], [1, 1]], 0, "A path needs at least 2 stops and 1 step between them, got 2 and 0"),
        (["4", "9", "1"], [[0, 0], [1, 1]], 3, "The numbers do not match: 3 labels and 2 latent vectors"),
    ],
)
def test_ways_that_are_not_possible(model: CVAE, labels: object, z: object, steps: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        condvae.interpolate(model, labels, z, steps=steps)


def test_messages_do_not_list_hundreds_of_classes() -> None:
    classes = tuple(f"class {number:03}" for number in range(200))
    model = CVAE(ModelConfig(encoder=(8,), decoder=(8,)), Schema((1, 4, 4), classes))
    with pytest.raises(InputError, match=r"Choose from: class 000, .*, class 029 and 170 more\.$"):
        condvae.generate(model)
    with pytest.raises(InputError, match=r"no label 'lion'.*, class 029 and 170 more, or a number from 0 to 199\.$"):
        condvae.generate(model, "lion")
