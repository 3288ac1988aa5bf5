# `make demo` and `make test` need Python 3.11 or later, make, and the package index.
# Everything goes into .venv here; nothing else on the machine is touched.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
ifeq (,$(PYTHON))
$(error no python3 found; name one of 3.11 or later: make PYTHON=... $(MAKECMDGOALS))
endif
VENV := .venv
RUN := $(VENV)/bin
STAMP := $(VENV)/.made-by-$(notdir $(PYTHON))

.PHONY: help demo test lint bench clean

help:
	@echo "make demo   train on the shipped data, predict unseen formulas, save a plot"
	@echo "make test   run the tests"
	@echo "make lint   check style and formatting"
	@echo "make bench  measure speed and memory beside plain PyTorch Geometric, and their growth"
	@echo "make results redraw the tables and figures of docs/ out of the records of the runs"
	@echo "make clean  remove the environment"

# Made anew when the requirements or the interpreter change, and only then.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(RUN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable ".[test,plot]"
	touch $(STAMP)

demo: $(STAMP)
	$(RUN)/python examples/plot_quickstart.py

test: $(STAMP)
	$(RUN)/python -m pytest

lint: $(STAMP)
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .

bench: $(STAMP)
	$(RUN)/python benchmarks/speed.py
	$(RUN)/python benchmarks/growth.py

results: $(STAMP)
	$(RUN)/python benchmarks/redraw.py

clean:
	rm -rf $(VENV)
