# Every target runs in a virtual environment, which the first call creates. `make help` lists the targets.

PYTHON ?= python3
VENV ?= .venv
LISTEN = 127.0.0.1:9092
DATA = ./kafkalite-data
BIN := $(VENV)/bin
# Tests use real clients and real sessions, perhaps on a busy machine: a test whose wait timed out runs once more, and is
# reported as a rerun.
RERUN = --reruns 1 --only-rerun 'passed while waiting' --only-rerun 'timeout expired running' -r aR
# Tests mostly wait for clients and processes, so run two workers more than there are processors. A few tests take minutes:
# an idle worker takes over what is queued behind them.
WORKERS = --numprocesses $(shell expr $$(getconf _NPROCESSORS_ONLN) + 2) --dist worksteal
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
	$(BIN)/pytest tests $(WORKERS) $(RERUN) $(ARGS)

conformance: $(VENV)/.installed-dev
	$(BIN)/python -m kafkalite_conformance --broker kafkalite $(RERUN)

check: $(VENV)/.installed-dev ## run the linters, the type checkers and the import contracts
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/pyright --warnings
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev ## format the sources and apply ruff's fixes
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

bench: $(VENV)/.installed-dev ## measure kafkalite beside its peers
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove the virtual environment and the caches, but no data
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage

# Each stamp file names what an environment holds; a change of pyproject.toml installs it again.

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "kafkalite needs Python 3.11 or newer, and '$(PYTHON)' is not: try make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml
	$(PIP) install --quiet --editable '.[cli]'
	@touch $@

$(VENV)/.installed-demo: $(VENV)/.made pyproject.toml
	$(PIP) install --quiet --editable '.[cli,demo]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: $(VENV)/.made pyproject.toml
	$(PIP) install --quiet --editable '.[demo,controls,security,conformance]' --group dev
	@touch $@ $(VENV)/.installed-demo $(VENV)/.installed
