# `make` alone lists what there is. Everything happens in .venv; nothing is needed but Python 3.11 or later and make.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# The first interpreter that is new enough; `make setup PYTHON=/path/to/python` overrules it.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$p && break; done)
BIN := .venv/bin
STAMP := .venv/.installed
EXTRAS := cpu,docs,files,test,train
WORKERS ?= 2
SETS ?= squad11 medquad walmart-amazon abt-buy pubmedqa-labeled drcd cmrc2018
SYSTEMS ?= bm25,dense,rrf,hybrid,hybrid-tuned

# Nothing here may fetch a model: the default weights come as a package.
export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false

.PHONY: help setup demo test unit lint docs soak neo4j bench peers clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Create .venv with everything for use and tests (again only when pyproject.toml changed)

$(STAMP): pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "Clew needs Python 3.11 or later; python3 here is: $$(python3 --version 2>&1)." >&2; \
		echo "Install a newer one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@$(PYTHON) -m venv .venv || { \
		echo "$(PYTHON) cannot make a virtual environment (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv \
		&& $(BIN)/python -m uv pip install --compile-bytecode --python $(BIN)/python -e ".[$(EXTRAS)]" \
		|| { echo "uv did not do it, pip tries (slower)" >&2; \
			$(BIN)/python -m pip install --disable-pip-version-check -e ".[$(EXTRAS)]"; }
	@touch $(STAMP)

demo: setup ## Build the two sample indexes, answer a few queries, serve on 127.0.0.1:8000
	@$(BIN)/clew demo

test: setup lint ## Check style and types, then run every test; one that is skipped fails the run
	CLEW_NO_SKIPS=1 $(BIN)/python -m pytest -n $(WORKERS)

unit: setup ## Run the quick tests only
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow" tests/unit tests/architecture

lint: setup ## ruff (check and format) and mypy (strict)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: setup ## Build these pages as a site in build/docs, links checked; a warning is an error
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going --nitpicky --quiet -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

soak: setup ## Kill builds and training at random points, fill the disk, import every hostile archive, make 1,000 random requests
	CLEW_KILLS=20 $(BIN)/python -m pytest tests/integration/test_kill.py tests/integration/test_full_disk.py \
		tests/integration/test_training_kill.py tests/integration/test_training_full_disk.py
	CLEW_HOSTILE=all $(BIN)/python -m pytest tests/integration/test_hostile_imports.py
	CLEW_REQUESTS=250 $(BIN)/python -m pytest tests/integration/search/test_match_set.py tests/integration/test_rerank.py

neo4j: setup ## Start a Neo4j server for development and print the variables that name it; Ctrl-C ends it
	@$(BIN)/python -m tests.neo4j.server

bench: setup ## Measure relevance on the data sets of CLEW_DATA, then speed, and refresh README.md and docs/results.md
	$(BIN)/clew bench relevance $(SETS) --systems $(SYSTEMS) --out benchmarks/results/relevance
	$(BIN)/clew bench relevance esci-us-sample --gains 0,0.01,0.1,1 --systems $(SYSTEMS) --out benchmarks/results/relevance-esci
	$(BIN)/clew bench speed --out benchmarks/results/speed.json
	$(BIN)/python -m clew.benchmarks.relevance.tables

peers: setup ## Install the peers of `clew bench speed` into .venv-peers
	$(BIN)/python -m clew.benchmarks.peers

clean: ## Remove caches and build leftovers (.venv and .clew stay)
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -not -path './.venv*' -prune -exec rm -rf {} +
