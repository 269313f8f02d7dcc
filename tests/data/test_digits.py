"""The digits of scikit-learn, and what they have in common with other sources that take no argument."""

import numpy as np
import pytest

from condvae.data.sources import load_data
from condvae.errors import EXTRAS, ConfigError, MissingExtraError


def test_digits() -> None:
    data = load_data("digits")
    assert data.source == "digits"
    assert data.train.shape == (1, 8, 8)
    assert data.train.classes == tuple("0123456789")
    assert (len(data.train), len(data.test)) == (1438, 359)
    assert set(data.test.counts().values()) <= {35, 36, 37}
    assert data.train.pixel_statistics()[:2] == (0, 255)
    assert len(np.unique(data.train.pixels(slice(None)))) == 17
    both = np.concatenate([data.train.pixels(slice(None)), data.test.pixels(slice(None))])
    assert len(np.unique(both.reshape(1797, -1), axis=0)) == 1797


def test_the_split_is_always_the_same() -> None:
    first, second = load_data("digits"), load_data("digits")
    assert (first.test.pixels(slice(None)) == second.test.pixels(slice(None))).all()
    assert first.test.labels[:5].tolist() == second.test.labels[:5].tolist()


def test_no_argument() -> None:
    with pytest.raises(ConfigError, match=r"'digits' takes no argument, got '8'\. Write digits\."):
        load_data("digits:8")


def test_without_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "report", ("no_such_package",))
    with pytest.raises(MissingExtraError, match=r"The data source 'digits' needs no_such_package.*condvae\[report\]"):
        load_data("digits")
