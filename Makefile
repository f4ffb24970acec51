# Two commands do everything: `make up` runs the exchange, `make test` the tests. `make help` explains the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python -m
ARGS ?=

.DEFAULT_GOAL := help

help: ## explain every target
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(VENV)/.runtime ## install what the exchange needs into .venv, pinned and hash-checked

up: install ## run the whole exchange on this machine (ARGS="--detach --market live ...")
	@$(BIN)/twilight up $(ARGS)

test: $(VENV)/.dev lint ## linters, type check, import contract and every test but the slow suites
	$(RUN) pytest -m "not slow" $(ARGS)

lint: $(VENV)/.dev ## ruff, mypy and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.dev ## the table of measured ratios (ID=P4 for one or more, ARGS=--json for JSON)
	@$(RUN) tests.bench $(if $(ID),--id $(ID)) $(ARGS)

sim: $(VENV)/.dev ## deterministic simulation of the core (SEEDS=200)
	TWILIGHT_SIM_SEEDS=$(or $(SEEDS),200) $(RUN) pytest tests/simulation $(ARGS)

chaos: $(VENV)/.dev ## kill and starve processes and servers under load, audited (KILLS=200; 5 is a quick look)
	TWILIGHT_CHAOS_KILLS=$(or $(KILLS),200) $(RUN) pytest tests/chaos -m slow $(ARGS)

soak: $(VENV)/.dev ## the feeder for half an hour at 1,000 frames/s
	$(RUN) pytest tests/soak -m slow -s --timeout 7200 $(ARGS)

clean: ## remove what the targets made (not the exchange's data)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: name it with make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/bin/python requirements/runtime.txt pyproject.toml
	$(RUN) pip install -q --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	$(RUN) pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	$(RUN) pip install -q --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

.PHONY: help install up test lint bench sim chaos soak clean
