# Everything runs from a virtual environment that the first call makes. `make help` lists the targets.

PYTHON ?= python3
VENV ?= .venv
LISTEN = 127.0.0.1:9092
DATA = ./kafkalite-data
BIN := $(VENV)/bin
# Real clients, real sessions, a machine that may be busy: a wait that ran out is tried once more, and shown as a rerun.
PATIENCE = --reruns 1 --only-rerun 'passed while waiting' -r aR
# Much of the time passes in waiting for clients and processes, so one more than the processors share them well. Who is
# done takes from the others: a few tests take minutes, and what stands behind them in a queue would wait.
WORKERS = --numprocesses $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist worksteal
PIP := $(BIN)/python -m pip --disable-pip-version-check
SOURCES := kafkalite wire storage conformance_tests tests

.PHONY: help serve demo test unit conformance check format bench clean
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "make %-12s %s\n", $$1, $$2 }'

serve: $(VENV)/.installed ## run a broker on LISTEN (127.0.0.1:9092) over DATA (./kafkalite-data)
	@$(BIN)/kafkalite serve --listen $(LISTEN) --data $(DATA)

demo: $(VENV)/.installed-demo ## watch consumer groups at work, with a broker of their own
	@$(BIN)/kafkalite demo $(ARGS)

test: unit conformance ## run everything: the tests, and the conformance suite on kafkalite

unit: $(VENV)/.installed-dev
	$(BIN)/pytest tests $(WORKERS) $(PATIENCE) $(ARGS)

conformance: $(VENV)/.installed-dev
	$(BIN)/python -m kafkalite_conformance --broker kafkalite $(PATIENCE)

check: $(VENV)/.installed-dev ## run the linters, the type checkers and the import contracts
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/pyright --warnings
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev ## let ruff put the sources into shape
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: $(VENV)/.installed-dev ## measure kafkalite beside its peers
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove the virtual environment and the caches, but no data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage

# The stamps say what an environment holds; a changed pyproject.toml installs again.

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "kafkalite needs Python 3.11 or newer, and '$(PYTHON)' is not: try make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml
	$(PIP) install --quiet --editable .
	@touch $@

$(VENV)/.installed-demo: $(VENV)/.made pyproject.toml
	$(PIP) install --quiet --editable '.[demo]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: $(VENV)/.made pyproject.toml
	$(PIP) install --quiet --editable '.[demo,controls,conformance]' --group dev
	@touch $@ $(VENV)/.installed-demo $(VENV)/.installed
