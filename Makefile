# One command each; `make help` lists them. Needs make, a POSIX shell and Python 3.11 to 3.13.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help book pdf dist check test scripts coverage lab full bench lock clean distclean

SCALE ?= quick
CHAPTER ?=
SCHEDULER ?=

VENV := .venv
RUN := PYTHONNOUSERSITE=1 TF_CPP_MIN_LOG_LEVEL=3 $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check --quiet
LINT := $(RUN) -m ruff check && $(RUN) -m ruff format --check && $(RUN) -m mypy
INSTALLED := $(VENV)/.installed
NPM := npm exec --yes --prefer-offline

# A python that starts (a pyenv shim may not) and whose version TensorFlow and the book support.
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
CANDIDATES := python3 python3.13 python3.12 python3.11
PYTHON ?= $(shell for p in $(CANDIDATES); do $$p -c '$(SUITABLE)' 2>/dev/null && echo $$p && break; done)

help: ## show this list
	@echo "make <target> [SCALE=quick|full] [CHAPTER=name] [SCHEDULER=tcp://...] [PYTHON=python3.x]"
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

book: $(INSTALLED) ## run every chapter once and render the book to _build/html/index.html
	@$(RUN) -m tools.book --scale $(SCALE) $(if $(CHAPTER),--chapter $(CHAPTER))

pdf: book ## print the built book as one PDF, _build/book.pdf (needs Chromium)
	@$(RUN) -m tools.pdf

dist: book ## pack the built book, and the PDF if made, into a zip with its SHA-256
	@$(RUN) -m tools.dist

check: $(INSTALLED) ## lint, types and the quick tests, without the book: a few minutes
	@$(LINT)
	@$(RUN) -m pytest -m "not slow and not book"

test: $(INSTALLED) ## lint, types, build the book, then test the library, the pipeline and every page
	@$(LINT)
	@$(RUN) -m tools.book
	@$(RUN) -m pytest

scripts: ## lint the scripts of the live figures, with eslint and prettier from npm (needs Node)
	@$(NPM) --package=eslint@9.39.1 -- eslint --max-warnings 0 _static/live
	@$(NPM) --package=prettier@3.6.2 -- prettier --print-width 100 --check _static/live

coverage: $(INSTALLED) ## which lines of mflib and tools the tests run, those of the book left out
	@$(RUN) -m pytest -m "not book" --cov --cov-report=term --cov-report=html:_build/coverage

lab: $(INSTALLED) ## open the chapters in JupyterLab
	@$(RUN) -m jupyter lab chapters

full: SCALE := full
full: export MFLIB_SCHEDULER := $(SCHEDULER)
full: book ## run every chapter at scale full (hours; may be interrupted and resumed)

bench: $(INSTALLED) ## compare speed with other libraries, side by side
	@$(PIP) install -r requirements-bench.txt
	@$(RUN) -m benchmarks

lock: $(INSTALLED) ## pin requirements.in anew into requirements.txt
	@$(PIP) install uv
	@$(RUN) -m uv pip compile --universal --fork-strategy fewest --python-version 3.11 \
	    --no-header --no-annotate requirements.in -o requirements.txt

clean: ## remove everything that was built
	rm -rf _build

distclean: clean ## remove the virtual environment too
	rm -rf $(VENV)

# The stamp is written last, so an interrupted installation starts again.
$(INSTALLED): requirements.txt pyproject.toml
	@rm -f $@
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found. Install one (on Debian or\
	 Ubuntu: apt install python3 python3-venv) or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c '$(SUITABLE)' || { echo "$(PYTHON) is not a Python 3.11, 3.12 or 3.13; name\
	 another: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv module. On\
	 Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(VENV)/bin/python -c '$(SUITABLE)' 2>/dev/null && $(VENV)/bin/python -m pip --version \
	    >/dev/null 2>&1 || { rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }
	@echo "Installing TensorFlow, Jupyter Book and the rest into $(VENV) (about 3 GB, minutes) ..."
	@start=$$(date +%s) && $(PIP) install -r requirements.txt \
	    && $(PIP) install --no-deps --no-build-isolation -e . \
	    && touch $@ && echo "Installed in $$(($$(date +%s) - start)) s."
