"""Dataclasses to plain values and back: the one way for settings, schemas, evaluations and claims."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from condvae.config import Config, ModelConfig
from condvae.errors import ConfigError
from condvae.plain import plain, restored
from condvae.schema import Attribute, Schema


@dataclass(frozen=True)
class Inner:
    number: float
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outer:
    inner: Inner
    several: tuple[Inner, ...] = ()
    pair: tuple[int, int] = (0, 0)
    maybe: Inner | None = None
    anything: dict[str, Any] = field(default_factory=dict)
    switch: bool = False


@pytest.mark.parametrize(
    "value",
    [
        Outer(Inner(1.5, ("a", "b")), (Inner(1.0), Inner(2.0)), (3, 4), Inner(0.0), {"x": [1, None]}, True),
        Outer(Inner(1.0)),
        Schema((1, 2, 3), ("a",), (Attribute("slant", (), 0.1, 0.2, -1.0, 1.0), Attribute("tone", ("warm", "cold")))),
        Config(model=ModelConfig(latent=5, conditions=())),
    ],
    ids=lambda value: type(value).__name__,
)
def test_there_and_back_through_json(value: Any) -> None:
    assert restored(type(value), json.loads(json.dumps(plain(value)))) == value


def test_text_becomes_a_number_where_one_is_expected() -> None:
    assert restored(Inner, {"number": "1e-3"}) == Inner(0.001), "YAML reads 1e-3 as text"
    assert restored(Inner, {"number": 2}).number == 2.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"inner": 3}, r"inner must be a dictionary of names and values, got 3"),
        ({"inner": {"number": "many"}}, r"inner\.number must be a number, got 'many' \(str\)"),
        ({"inner": {"number": True}}, r"inner\.number must be a number, got True \(bool\)"),
        ({"inner": {"numbre": 1}}, r"There is no setting 'numbre'\. Did you mean 'number'"),
        ({"inner": {"number": 1}, "pair": [1]}, r"pair must be a list of 2, got \[1\]"),
        ({"inner": {"number": 1}, "switch": "yes"}, r"switch must be true or false, got 'yes' \(str\)"),
        ({"inner": {"number": 1, "words": "ab"}}, r"inner\.words must be a list, got 'ab' \(str\)"),
    ],
)
def test_a_value_of_another_type_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        restored(Outer, values)
