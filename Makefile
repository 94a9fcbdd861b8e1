# `make help` lists the targets. Each sets up .venv by itself, with the versions in constraints.txt.

.DEFAULT_GOAL := help
.PHONY: help install bubblewrap demo test test-slow bench lint types
.DELETE_ON_ERROR:

export PYTHON
PY := .venv/bin/python
OUT ?= demo
ARGS ?=

help:  ## Print this.
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

install: .venv/.installed  ## Make .venv and install Assay with its tools (PYTHON=/a/path chooses the Python).

bubblewrap:  ## Install bubblewrap, which confines model code, where this may be done (root, apt-get).
	@.ci/get_bubblewrap

demo: install  ## Train, sample and audit a tiny model and print the verdict (OUT=folder, default demo).
	@$(PY) -m assay demo --out $(OUT) $(ARGS)

test: install bubblewrap  ## Run the tests, all but the slow ones (ARGS="-k name" chooses).
	@$(PY) -m pytest -m "not slow" $(ARGS)

test-slow: install bubblewrap  ## Run the slow tests.
	@$(PY) -m pytest -m slow $(ARGS)

bench: install bubblewrap  ## Measure speed and memory into benchmarks/RESULTS.md (ARGS="start math" chooses rows).
	@$(PY) benchmarks/results.py $(ARGS)

lint: install  ## Check style and format.
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

types: install  ## Check types.
	@$(PY) -m mypy

# A .venv that cannot run pip (half made, or its Python is gone) is made anew.
.venv/.installed: pyproject.toml constraints.txt
	@if ! $(PY) -m pip --version >/dev/null 2>&1; then \
	    python=$$(.ci/find_python) || exit 2; \
	    echo "making .venv with $$python"; \
	    "$$python" -m venv --clear .venv || exit 2; \
	fi
	@echo "installing Assay and its tools into .venv (a minute or more: torch is large)"
	@$(PY) -m pip install -c constraints.txt -e '.[dev]' || { \
	    echo "assay: pip could not install; its message above says why (is there a network, and room on the disk?)" >&2; \
	    exit 2; \
	}
	@touch $@
