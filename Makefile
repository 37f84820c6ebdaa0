# The two commands of a newcomer: `make quickstart` and `make test`. Both set up .venv first, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STORAGE ?= runs

.PHONY: help setup quickstart test test-all test-fast test-gpu test-nightly lint format docs bench chaos mutants audit release clean

help:
	@echo "make quickstart  run the ImageNet-RIB mini suite and write runs/report/report.html"
	@echo "make test        run the tests"
	@echo "make test-all    these and the long ones: faults on clusters of several nodes"
	@echo "make test-nightly  the long tests, and all faults of 'make chaos'; an hour or more"
	@echo "make test-gpu    the tests that need a GPU, which the others skip without one"
	@echo "make setup       create .venv and install pinned versions"
	@echo "make lint        ruff and mypy"
	@echo "make docs        build the documentation; 'gridcell docs' opens it"
	@echo "make bench       measure, print one table, write it to tests/benchmarks/README.md"
	@echo "make chaos       run a small grid on three nodes under each fault; nothing may be lost"
	@echo "make mutants     put 150 small mistakes into the code, one at a time: do the fast tests notice?"
	@echo "make release     check and build a release, and try its wheel in an empty environment"
	@echo "make audit       look for known vulnerabilities of what is installed (asks PyPI)"

# Installed once, and again only when what is to be installed changes.
setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) .ci/before_setup.py $(VENV)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev,docs,rl,box2d,mujoco,world3d,s3,clip,offline-models]'
	touch $@

quickstart: setup
	$(BIN)/gridcell run imagenet-rib --suite mini --storage $(STORAGE) --out $(STORAGE)/report

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m 'not long'

test-all: setup
	$(BIN)/python -m pytest -n 2 --dist loadgroup

test-gpu: setup
	$(BIN)/python -m pytest tests/gpu

test-nightly: setup
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m long
	$(BIN)/gridcell doctor --chaos

test-fast: setup
	$(BIN)/python -m pytest -n 3 --dist loadgroup -m 'not slow and not long'

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup
	$(BIN)/sphinx-build --quiet --fail-on-warning --builder html platform/docs platform/gridcell/site
	$(BIN)/gridcell docs --path

bench: setup
	$(BIN)/python -m tests.benchmarks --keep

chaos: setup
	$(BIN)/gridcell doctor --chaos

mutants: setup
	$(BIN)/python -m tests.mutants --out mutants.json

audit: setup
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

# Version, changelog and tree agree; docs, sdist and wheel are built; the wheel alone runs each task.
release: docs
	$(BIN)/python -m tests.release

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
