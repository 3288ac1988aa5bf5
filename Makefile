# `make demo` and `make test` need Python 3.11 or later, make, and the package index.
# Everything goes into .venv here; nothing else on the machine is touched.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
ifeq (,$(PYTHON))
$(error no python3 found; name one of 3.11 or later: make PYTHON=... $(MAKECMDGOALS))
endif
VENV := .venv
RUN := $(VENV)/bin
STAMP := $(VENV)/.made-by-$(notdir $(PYTHON))
DOCS_STAMP := $(VENV)/.with-docs
SPHINX := $(RUN)/sphinx-build -W --keep-going -d docs/_build/doctrees

.PHONY: help demo test lint bench docs docs-quick results clean

help:
	@echo "make demo   train on the shipped data, predict unseen formulas, save a plot"
	@echo "make test   run the tests"
	@echo "make lint   check style, formatting and types"
	@echo "make bench  measure speed and memory beside plain PyTorch Geometric, and their growth"
	@echo "make results redraw the tables and figures of docs/ out of the records of the runs"
	@echo "make docs   run the examples that changed, build the pages in docs/_build/html"
	@echo "make docs-quick build the pages without running examples"
	@echo "make clean  remove the environment and the pages built"

# Made anew when the requirements or the interpreter change, and only then.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable ".[test,plot]"
	touch $(STAMP)

demo: $(STAMP)
	$(RUN)/python examples/plot_quickstart.py

# Two at a time: most tests keep to one thread.
test: $(STAMP)
	$(RUN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy

bench: $(STAMP)
	$(RUN)/python benchmarks/speed/speed.py
	$(RUN)/python benchmarks/speed/growth.py

results: $(STAMP)
	$(RUN)/python benchmarks/redraw.py

# Only the documentation needs Sphinx and its theme.
$(DOCS_STAMP): $(STAMP)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable ".[docs]"
	touch $(DOCS_STAMP)

docs: $(DOCS_STAMP)
	$(SPHINX) docs docs/_build/html

docs-quick: $(DOCS_STAMP)
	$(SPHINX) -D plot_gallery=0 docs docs/_build/html-quick

clean:
	rm -rf $(VENV) docs/_build docs/auto_examples docs/api/generated \
		docs/api/backreferences docs/sg_execution_times.rst
