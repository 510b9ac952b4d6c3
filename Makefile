# Set up and run everything. `make help` lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The first Python of this list that is 3.11 or later; choose another with `make PYTHON=…`.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
PY := .venv/bin/python
JOB := $(PY) jobs
# uv reads neither pip's settings nor its variables: take over the folders of local builds.
export UV_FIND_LINKS ?= $(subst $() ,$(shell printf ','),$(strip $(PIP_FIND_LINKS)))

.PHONY: help setup demo maintain serve test lint types unit integration real-servers stop clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.installed  ## Create .venv and install everything (skipped when nothing changed)

.venv/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed; name one with: make PYTHON=/path/to/python"; exit 1; }
	@test -x $(PY) || $(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "Python's venv is missing; on Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(PY) -m pip install -q "$$(grep '^uv==' constraints.txt)"
	@$(PY) -m uv pip install -q --python $(PY) -c constraints.txt -e '.[dev]' $(if $(TORCH_BACKEND),--torch-backend $(TORCH_BACKEND))
	@touch $@

demo: setup  ## Run the main job on simulated tickets, then serve the release and ask about three unseen ones
	@trap '$(JOB)/stop.py' EXIT; \
	$(JOB)/simulate.py; \
	$(JOB)/train.py sweep=demo; \
	$(JOB)/serve.py serve.try_file=raw/unseen.jsonl

maintain: setup  ## Ingest what is new, check it, write the analytics; settings: make maintain ARGS='source=…'
	@$(JOB)/ingest.py $(ARGS)
	@$(JOB)/check.py $(ARGS)
	@$(JOB)/analyze.py $(ARGS)

serve: setup  ## Serve the champion on loopback until Ctrl-C
	@exec $(JOB)/serve.py

test: setup lint types unit integration  ## Lint, types and all tests

real-servers: setup  ## Install the JSON module of the Redis that some tests start (its licence: RSALv2, SSPLv1)
	@$(PY) -m uv pip install -q --python $(PY) -c constraints.txt -e '.[real]'

lint: setup  ## Ruff: rules and format
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .

types: setup  ## mypy, strict
	@.venv/bin/mypy

unit: setup  ## Tests without Ray
	@OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile tests/unit

integration: setup  ## Tests with Ray, on tiny data
	@$(PY) -m pytest tests/integration

stop: setup  ## End what jobs left running (the embedded online store)
	@$(JOB)/stop.py

clean: stop  ## Remove the environment; data under the root stays
	@rm -rf .venv .mypy_cache .ruff_cache *.egg-info
