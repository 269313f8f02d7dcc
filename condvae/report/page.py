"""Templates of HTML pages."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined


def template(name: str) -> Any:
    """A template by the name of its file in `templates`."""
    source = (files("condvae.report") / "templates" / name).read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source)
