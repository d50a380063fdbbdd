# The two commands that matter on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)

.PHONY: demo test slow check view lock browser benchmarks clean

demo: $(VENV)/.runtime  ## the whole way on a shipped set, offline
	$(BIN)/promptops demo

test: $(VENV)/.development browser  ## install what tests need and run the suite
	$(BIN)/python -m pytest -n 3 -q

slow: $(VENV)/.development browser  ## the tests that take minutes
	rm -f .pytest_cache/gate_errors.jsonl
	$(BIN)/python -m pytest -n 2 -q -m slow
	$(BIN)/python -m tests.stats.error_table

check: $(VENV)/.development  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

view: $(VENV)/.runtime  ## the dashboard on the demo's runs
	test -d .promptops/demo || $(BIN)/promptops demo > /dev/null
	$(BIN)/promptops -C .promptops/demo view

benchmarks: $(VENV)/.development  ## ratios against peers, in one run
	$(BIN)/python benchmarks/scoring.py
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/verdicts.py
	$(BIN)/python benchmarks/shift.py
	$(BIN)/python benchmarks/logger.py
	$(BIN)/python benchmarks/monitor.py

$(VENV)/bin/python:
ifdef UV
	$(UV) venv --quiet --python $(PYTHON) $(VENV)
else
	$(PYTHON) -m venv $(VENV)
endif

$(VENV)/.runtime: $(VENV)/bin/python requirements.lock pyproject.toml
ifdef UV
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
endif
	touch $@

$(VENV)/.development: $(VENV)/.runtime tests/requirements.lock
ifdef UV
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r tests/requirements.lock
else
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/requirements.lock
endif
	touch $@

# Chromium comes from the system's packages, PostgreSQL too; where that is not allowed the tests say why they skip.
browser:
	@sh tests/install_system_packages.sh

lock:  ## pin the dependencies with hashes and without any registry's address
	uv pip compile pyproject.toml --extra postgres --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-annotate --no-emit-index-url --quiet -o requirements.lock
	uv pip compile pyproject.toml --extra postgres --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --quiet -c requirements.lock -o tests/requirements.lock

clean:
	rm -rf $(VENV) .promptops dist build
