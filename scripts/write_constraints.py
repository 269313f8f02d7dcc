"""Write constraints.txt with the exact versions in this environment: .venv/bin/python scripts/write_constraints.py

It lists the packages that condvae and its extra dev need, directly or indirectly. A version that needs a newer Python
than condvae has a marker that says so.
"""

from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

OLDEST = "3.10"
NEWER = ("3.11", "3.12", "3.13")
HEAD = "# The exact versions that condvae is tested with: pip install -c constraints.txt -e '.[dev]'\n"


def main() -> None:
    found: dict[str, str] = {}
    wanted = [("condvae", "dev"), ("hatchling", "")]
    seen = set()
    while wanted:
        name, extra = wanted.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            package = distribution(name)
        except PackageNotFoundError:
            continue
        if name != "condvae":
            pythons = str(package.metadata.json.get("requires_python", ""))
            found[name] = f"{name}=={package.version.split('+')[0]}{marker(pythons)}"
        for requirement in map(Requirement, package.requires or []):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                wanted += [(canonicalize_name(requirement.name), part) for part in (*requirement.extras, "")]
    Path("constraints.txt").write_text(HEAD + "".join(f"{found[name]}\n" for name in sorted(found)), "utf-8")


def marker(pythons: str) -> str:
    """The environment marker of a version that needs a newer Python than condvae. Empty for all other versions."""
    allowed = SpecifierSet(pythons)
    if f"{OLDEST}.99" in allowed:  # some versions need a certain patch release, such as 3.11.4
        return ""
    first = next(python for python in NEWER if f"{python}.99" in allowed)
    return f'; python_version >= "{first}"'


if __name__ == "__main__":
    main()
