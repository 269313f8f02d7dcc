"""Dataclasses to plain values and back. Plain values are dictionaries, lists, numbers and text, as in JSON and YAML."""

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from condvae.errors import ConfigError, unknown


def plain(value: Any) -> Any:
    """A dataclass, or a nest of dictionaries and lists, as plain values.

    Raises:
        ConfigError: a value is an object of another kind.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, Enum):
        return value.name
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise ConfigError(
        f"A setting must be a number, a text, a list or a dictionary, got {value!r} ({type(value).__name__}). Write "
        "objects, such as callbacks of the Trainer, as {'class_path': 'package.Class', 'init_args': {...}}."
    )


def restored(kind: Any, value: Any, name: str = "") -> Any:
    """The value that `plain` was given, by its type.

    Lists become tuples, and text becomes a number where a number is expected: YAML reads 1e-3 as text.

    Args:
        kind: the type: a dataclass, or a type that one of its fields has.
        value: plain values. A dataclass field that is not named keeps its default.
        name: what errors call the value, such as "model.latent".

    Raises:
        ConfigError: the value is of another type, or a name is not a field of the dataclass.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any or (value is None and NoneType in arguments):
        return value
    if origin in (Union, UnionType):
        return restored(next(one for one in arguments if one is not NoneType), value, name)
    if is_dataclass(kind):
        return _built(kind, value, name)
    if origin is tuple and isinstance(value, (list, tuple)) and (... in arguments or len(arguments) == len(value)):
        return tuple(restored(arguments[0], part, name) for part in value)
    if kind is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    if not isinstance(value, origin or kind) or (isinstance(value, bool) and kind is not bool):
        raise ConfigError(f"{name} must be {_described(kind)}, got {value!r} ({type(value).__name__}).")
    return value


def _built(kind: Any, values: Any, name: str) -> Any:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{name or 'The settings'} must be a dictionary of names and values, got {values!r}.")
    types = get_type_hints(kind)
    for key in values:
        if key not in types:
            raise ConfigError(unknown("setting", str(key), types))
    prefix = f"{name}." if name else ""
    return kind(**{key: restored(types[key], value, prefix + key) for key, value in values.items()})


def _described(kind: Any) -> str:
    if get_origin(kind) is tuple:
        arguments = get_args(kind)
        return "a list" if ... in arguments else f"a list of {len(arguments)}"
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", dict: "a dictionary"}
    return names.get(get_origin(kind) or kind, getattr(kind, "__name__", str(kind)))
