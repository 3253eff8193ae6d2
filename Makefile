# Everything is built into .venv; the only things needed beforehand are Python 3.11, make and the package registries.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install --require-hashes --only-binary=:all:
TEST_PROCESSES ?= 2

# Where it is set, as in many containers, every command would compile all of the source anew: 0.6 s of CPU for each server.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run install dev check test bench bench-models bench-scores bench-quick docs screenshots lock clean help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: install ## Start a server with a demo shop's traffic; Ctrl-C stops both
	@$(BIN)/fourthwatch demo

install: $(VENV)/.installed ## Build into .venv; afterwards there is .venv/bin/fourthwatch

$(VENV)/.python:
	@echo "making $(VENV) with $$($(PYTHON) --version) …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; say make PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

COMPILED := setup.py src/fourthwatch/features/_kernel.c src/fourthwatch/features/_kernel_state.h \
	src/fourthwatch/features/_kernel_hops.h src/fourthwatch/features/_keyer.c src/fourthwatch/language/_machine.c \
	src/fourthwatch/model/_trees.c src/fourthwatch/store/_chain.c src/fourthwatch/wire/_scan.c

SCRIPTS := $(wildcard src/fourthwatch/console/scripts/*)

$(VENV)/.installed: $(VENV)/.python requirements/run.txt requirements/build.txt pyproject.toml $(COMPILED) $(SCRIPTS)
	@echo "installing what the server needs …"
	@$(PIP) -r requirements/run.txt -r requirements/build.txt
	@echo "compiling six parts and bundling the console's scripts …"
	@$(BIN)/python -m pip --disable-pip-version-check --quiet install --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q src
	@echo "ready: $(BIN)/fourthwatch"
	@touch $@

dev: $(VENV)/.dev ## What a contributor needs on top

$(VENV)/.dev: $(VENV)/.installed requirements/dev.txt
	@echo "installing what the tests and checks need …"
	@$(PIP) -r requirements/dev.txt
	@touch $@

check: dev ## Format, lint, types, house and fast tests: the contributor's loop
	@$(BIN)/ruff format --check --quiet . || { echo 'run: $(BIN)/ruff format .'; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest -q -n $(TEST_PROCESSES) -m 'not slow'

test: dev ## Every test, with all that they need
	@$(BIN)/python tests/install_clients.py
	@$(BIN)/python tests/install_programs.py strace browser
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet . && $(BIN)/mypy
	@$(BIN)/python -m pytest -q -n $(TEST_PROCESSES) --durations=15

bench-models: dev ## How good models are on the public data sets in DATA
	@$(BIN)/python -m bench.models --data $(or $(DATA),../shared/data)

bench-scores: dev ## How well the rules alone score, and fraudecom's whole way over HTTP
	@$(BIN)/python -m bench.scores --data $(or $(DATA),../shared/data)

bench: dev ## Benchmarks, beside what is wanted; takes a while
	@$(BIN)/python -m bench

bench-quick: dev ## The same with 100,000 stored events instead of a million
	@$(BIN)/python -m bench --quick

docs: dev ## Write the generated reference pages anew
	@$(BIN)/python docs/generate.py

screenshots: dev ## Pictures of the console for the documentation, made anew
	@$(BIN)/python tests/install_programs.py browser
	@$(BIN)/python tests/console/screenshots.py

lock: dev ## Pin the newest allowed versions, with hashes
	@$(BIN)/python requirements/lock.py

clean: ## Remove everything that was built
	@rm -rf $(VENV) .cache build src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
