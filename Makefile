PYTHON ?= python3
BIN = .venv/bin

.PHONY: reproduce test test-slow docs check

reproduce: .venv/installed
	$(BIN)/condvae reproduce

test: .venv/installed
	$(BIN)/pytest

test-slow: .venv/installed
	$(BIN)/pytest -m slow

docs: .venv/installed
	$(BIN)/mkdocs build --strict

check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mkdocs build --strict --quiet
	$(BIN)/pytest
	$(BIN)/pytest -m slow

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch .venv/installed
