"""The page's own files: they stay small, and what stands in Python is not repeated in them."""

import re
from pathlib import Path

import pytest

from condvae.explorer.page import STATIC
from condvae.explorer.schemas import State
from tests.explorer.browser import VIEWS

LONGEST_FILE, LONGEST_FUNCTION = 300, 60
SCRIPTS = sorted(path for path in STATIC.rglob("*.js") if path.parent.name != "vendor")
SHARED = [path for path in SCRIPTS if path.stem not in (*VIEWS, "views", "wire")]  # routes have such names, too


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(STATIC)))
def test_files_and_functions_stay_small(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) <= LONGEST_FILE
    starts = [number for number, line in enumerate(lines) if re.match(r"(export )?(async )?function ", line)]
    assert all(lines.index("}", start) - start < LONGEST_FUNCTION for start in starts)


@pytest.mark.parametrize("path", SHARED, ids=lambda path: str(path.relative_to(STATIC)))
def test_shared_files_name_no_view(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not [name for name in VIEWS if re.search(rf"""["'`/]{name}["'`.]""", text)]


def test_no_file_of_the_page_repeats_the_defaults_of_its_state() -> None:
    """A list of the state's fields in JavaScript would have several of them as keys, one after another."""
    fields = "|".join(State.model_fields)
    for path in SCRIPTS:
        assert not re.search(rf"(\b({fields}): [^,]+,\s+){{5}}", path.read_text("utf-8")), path.name
