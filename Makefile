# Requires only Python 3.11, 3.12 or 3.13, pip and make. Everything is installed into $(VENV).

VENV ?= .venv
# The first suitable one is used; choose another with `make PYTHON=...`.
PYTHON ?= python3.11 python3.12 python3.13 python3 python
# Number of parallel test processes; each imports TensorFlow.
JOBS ?= 2
PYTEST_ARGS ?=
BENCH_ARGS ?=
# Tests to run with the oldest supported packages.
OLDEST_TESTS ?= tests/contract/test_sklearn_checks.py tests/contract/test_private_names.py \
  tests/shared/test_snapshots.py tests/shared/test_packing.py tests/shared/test_upstream.py \
  tests/training/engine tests/network/test_realmlp.py
# Tests to run with the newest pre-releases, and what to replace by them.
PRERELEASE_TESTS ?= tests/contract/test_classifier.py tests/network tests/training tests/shared
PRERELEASES ?= keras-nightly tensorflow scikit-learn numpy

BIN = $(VENV)/bin
PIP = -m pip --disable-pip-version-check --quiet --quiet install
OLDEST = $(VENV)-oldest
PRERELEASE = $(VENV)-prerelease

# $(call create,DIRECTORY,NEWEST MINOR VERSION): create a virtual environment with the first suitable Python.
define create
	@for python in $(PYTHON); do \
	  if "$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $(2)))' 2>/dev/null; \
	  then "$$python" -m venv "$(1)" && touch "$@"; exit; fi; \
	done; \
	echo "No Python 3.11 to 3.$(2) with the venv module found among: $(PYTHON)." >&2; \
	echo "Install one (on Debian and Ubuntu, including python3-venv)," >&2; \
	echo "or specify one: make PYTHON=/path/to/python3.11 ..." >&2; \
	exit 1
endef

.PHONY: help demo test test-oldest prerelease bench bench-tables bench-multilabel lint format docs check-docs clean
.DELETE_ON_ERROR:

help: ## list all targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1#/p' Makefile | awk -F'#' '{ printf "make %-13s %s\n", $$1, $$2 }'

demo: $(VENV)/.demo ## train and evaluate a classifier (examples/quickstart.py)
	@$(BIN)/python examples/quickstart.py

test: $(VENV)/.test ## run the test suite; with options: make test PYTEST_ARGS="-k labels"
	@$(BIN)/python -m pytest -n $(JOBS) --dist worksteal $(PYTEST_ARGS)

test-oldest: $(OLDEST)/.test ## run scikit-learn's checks and engine tests with the oldest supported packages
	@$(OLDEST)/bin/python -m pytest -n $(JOBS) $(OLDEST_TESTS)

prerelease: $(PRERELEASE)/.created ## run the core of the suite with the newest pre-releases of Keras and others
	@echo "Installing the newest pre-releases into $(PRERELEASE) ..."
	@$(PRERELEASE)/bin/python $(PIP) --upgrade --editable '.[test]'
	@$(PRERELEASE)/bin/python $(PIP) --pre --upgrade $(filter-out keras-nightly,$(PRERELEASES))
	@# keras-nightly installs the package `keras`, so that the release has to go first.
	@$(PRERELEASE)/bin/python -m pip --quiet uninstall --yes keras keras-nightly
	@$(PRERELEASE)/bin/python $(PIP) --pre --upgrade --no-deps $(filter keras-nightly,$(PRERELEASES))
	@$(PRERELEASE)/bin/python -c 'import keras, tensorflow; print("Keras", keras.__version__, "TensorFlow", tensorflow.__version__)'
	@$(PRERELEASE)/bin/python -m pytest -n $(JOBS) --dist worksteal -W default $(PRERELEASE_TESTS)

bench: $(VENV)/.demo ## compare speed with other packages; one case: make bench BENCH_ARGS="--case a"
	@$(BIN)/python -m benchmarks.speed $(BENCH_ARGS)

bench-tables: $(VENV)/.test ## measure accuracy on raw tables: make bench-tables BENCH_ARGS="--data FOLDER"
	@$(BIN)/python -m benchmarks.tables $(BENCH_ARGS)

bench-multilabel: $(VENV)/.test ## the same with several labels per row: make bench-multilabel BENCH_ARGS="--data FOLDER"
	@$(BIN)/python -m benchmarks.multilabel $(BENCH_ARGS)

lint: $(VENV)/.lint ## check style, format and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(VENV)/.lint ## fix style and format automatically
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(VENV)/.docs ## build the website into docs/_build/html
	@$(BIN)/python -m sphinx -W --keep-going --quiet -d docs/_build/doctrees docs docs/_build/html
	@echo "docs/_build/html/index.html"

check-docs: docs ## check every page of the website in Chromium (must be installed)
	@$(BIN)/python -m pytest tests/docs/test_check_site.py
	@$(BIN)/python docs/check_site.py docs/_build/html

clean: ## remove the virtual environments and all caches
	rm -rf "$(VENV)" "$(OLDEST)" "$(PRERELEASE)" build dist .coverage .coverage.* htmlcov \
	  .hypothesis .mypy_cache .pytest_cache .ruff_cache docs/_build docs/api docs/gallery
	find src tests examples benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +

# The files below mark completed steps; changing pyproject.toml repeats the installation.
$(VENV)/.created:
	$(call create,$(VENV),13)

$(VENV)/.demo: $(VENV)/.created pyproject.toml
	@echo "Installing keras-multiclass into $(VENV) (TensorFlow is large: this can take minutes) ..."
	@$(BIN)/python $(PIP) --editable '.[plot]'
	@touch $@

$(VENV)/.test: $(VENV)/.created pyproject.toml
	@echo "Installing keras-multiclass and its test dependencies into $(VENV) ..."
	@$(BIN)/python $(PIP) --editable '.[test]'
	@touch $@ $(VENV)/.demo

$(VENV)/.lint: $(VENV)/.created pyproject.toml
	@echo "Installing keras-multiclass and its linters into $(VENV) ..."
	@$(BIN)/python $(PIP) --editable '.[lint]'
	@touch $@

# Building the website runs the examples, which need the test dependencies.
$(VENV)/.docs: $(VENV)/.created pyproject.toml
	@echo "Installing keras-multiclass and its documentation tools into $(VENV) ..."
	@$(BIN)/python $(PIP) --editable '.[docs,test]'
	@touch $@ $(VENV)/.demo $(VENV)/.test

# The oldest TensorFlow has no wheels for Python 3.13.
$(OLDEST)/.created:
	$(call create,$(OLDEST),12)

$(PRERELEASE)/.created:
	$(call create,$(PRERELEASE),13)

# Every "name>=X.Y" in pyproject.toml becomes "name==X.Y.*".
$(OLDEST)/constraints.txt: $(OLDEST)/.created pyproject.toml
	@$(OLDEST)/bin/python -c 'import tomllib; \
	  project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
	  print(*(d.replace(">=", "==") + ".*" for d in project["dependencies"]), sep="\n")' > $@

$(OLDEST)/.test: $(OLDEST)/constraints.txt
	@echo "Installing the oldest supported packages into $(OLDEST) ..."
	@$(OLDEST)/bin/python $(PIP) --constraint $(OLDEST)/constraints.txt --editable '.[test]'
	@touch $@
