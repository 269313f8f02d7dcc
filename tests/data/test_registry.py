"""The registry of data sources: condvae's own, and those that other packages add with an entry point."""

import sys
from pathlib import Path

import numpy as np
import pytest

from condvae.data.sources import GROUP, SOURCES, load_data, source_help
from condvae.errors import ConfigError

MODULE = """
import numpy as np
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages

def load(argument):
    part = LabelledImages(np.full((int(argument), 1, 2, 2), 7, np.uint8), np.zeros(int(argument), np.int64), ("a",))
    return Dataset(f"sevens:{argument}", part, part)
"""


@pytest.fixture
def another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that is installed beside condvae, and adds the source `sevens`."""
    (tmp_path / "sevens.py").write_text(MODULE)
    information = tmp_path / "sevens-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: sevens\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[{GROUP}]\nsevens = sevens:load\nmnist = sevens:load\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "sevens", raising=False)


@pytest.mark.usefixtures("another_package")
def test_another_package_adds_a_source() -> None:
    data = load_data("sevens:3")
    assert data.source == "sevens:3"
    assert np.array_equal(data.train.images, np.full((3, 1, 2, 2), 7))
    assert source_help().endswith("or sevens")
    with pytest.raises(ConfigError, match=r"There is no data source 'seven'. Did you mean 'sevens'\?"):
        load_data("seven:3")


@pytest.mark.usefixtures("another_package")
def test_another_package_cannot_replace_a_source() -> None:
    with pytest.raises(ConfigError, match="The data source 'mnist' takes no argument, got '3'"):
        load_data("mnist:3")


def test_a_source_is_one_line_of_the_registry_and_one_file() -> None:
    for name, source in SOURCES.items():
        assert source.usage.partition(":")[0] == name
        assert source.usage in source_help()
        assert Path(*source.module.split(".")).parts[:2] == ("condvae", "data")
    with pytest.raises(ConfigError, match=r"The data source 'idx' needs a folder. Write idx:DIR"):
        load_data("idx")
