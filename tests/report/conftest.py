"""What tests of figures and reports use."""

from collections.abc import Iterator

import pytest

from condvae.config import Config, ModelConfig
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.run import Run
from condvae.schema import Attribute, Schema

FEW_POINTS = 300


@pytest.fixture(autouse=True, scope="session")
def few_points() -> Iterator[None]:
    """t-SNE of few images, because its cost is not what these tests are about."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("condvae.report.gallery.codes.TSNE_IMAGES", FEW_POINTS)
        yield


@pytest.fixture(scope="session")
def slanted(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A model of digits and their slant, before training."""
    config = Config(model=ModelConfig(conditions=("label", "slant")))
    schema = Schema((1, 28, 28), tuple("0123456789"), (Attribute("slant", (), 0.1, 0.2, -0.3, 0.5),))
    made = Run(tmp_path_factory.mktemp("slanted"))
    save_model(made, CVAE(config.model, schema), config, {})
    return made
