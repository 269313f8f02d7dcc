"""evaluation.json of earlier versions, which had one key for each part at the top level."""

from collections.abc import Mapping
from typing import Any

from condvae.evaluation.part import RENAMED

COMMON = ("weights", "edition", "judge")


def converted(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of an evaluation.json in the present layout. It stays as it is if it has this layout already."""
    if "parts" in content:
        return dict(content)
    found = {RENAMED.get(name, name): result for name, result in content.items() if name not in COMMON}
    classifier = found.pop("classifier", None)
    if found.get("likelihood"):
        found["likelihood"] = {**found["likelihood"], "classifier": classifier}
    results = {name: _renamed(result) for name, result in found.items() if result}
    return {**{name: content.get(name) for name in COMMON}, "parts": results}


def _renamed(result: Any) -> Any:
    """A result with `source`, where z is from, under its present name `prior`."""
    if isinstance(result, list):
        return [_renamed(section) for section in result]
    return {"prior" if name == "source" else name: value for name, value in result.items()}
