# `make demo` and `make test` do all set-up in .venv; no sudo, nothing outside this folder.
VENV    ?= .venv
BIN     := $(VENV)/bin
# The first of these that is Python 3.11 or newer; say PYTHON=... to choose another.
PYTHON  ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
             $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP     := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test lint types imports bench train clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## / /' | awk '{k=$$1; $$1=""; printf "  make %-8s%s\n", k, $$0}'

demo: $(VENV)/.core ## the example end to end: a report in under 5 minutes after the downloads
	$(BIN)/limen demo demo/ct-lung-nodule

test: $(VENV)/.dev ## the tests
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/.dev ## ruff: style and form
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy, strict, on src
	$(BIN)/mypy

imports: $(VENV)/.dev ## rooms import only from rooms above them
	$(BIN)/lint-imports

bench: $(VENV)/.train ## each claim of speed, beside its peer
	$(BIN)/python benchmarks/run.py

train: $(VENV)/.train ## train the example's model anew, by its recipe: about an hour
	$(BIN)/limen examples draw ct-lung-nodule demo/ct-lung-nodule
	$(BIN)/limen train demo/ct-lung-nodule --force

clean: ## remove the environment and the demo
	rm -rf $(VENV) demo

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Limen needs Python 3.11 or newer; none was found. Install it, or say make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python cannot make a virtual environment here; on Debian and Ubuntu the package python3-venv brings what is missing" >&2; exit 2; }

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) -c constraints.txt -e '.[dev]'
	@touch $@

# torch first and alone: any range would pull gigabytes of CUDA packages
$(VENV)/.train: $(VENV)/.dev
	$(PIP) torch==2.13.0
	$(PIP) -c constraints.txt -e '.[dev,train,peers]'
	@touch $@
