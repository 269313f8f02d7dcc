PYTHON ?= python3
BIN = .venv/bin

.PHONY: reproduce test test-slow docs site check

reproduce: .venv/installed
	$(BIN)/condvae reproduce

test: .venv/installed  # each process has one thread: more than there are cores would wait for each other
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist worksteal

test-slow: .venv/installed
	$(BIN)/pytest -m slow --durations 20 --durations-min 10

docs: .venv/installed
	$(BIN)/mkdocs build --strict

site: .venv/installed  # the docs, and the explorer of the model that ships
	CONDVAE_TRY=1 $(BIN)/mkdocs build --strict

check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/mkdocs build --strict --quiet
	$(MAKE) test
	$(MAKE) test-slow

.venv/installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch .venv/installed
