# make demo    sets everything up and runs the main job on sample data
# make test    sets everything up and passes the tests
# Needs GNU make 3.81 or later and Python 3.11 or later; no root. PYTHON=/path/to/python make … takes that one.

SHELL = /bin/sh
BIN = .venv/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --no-input
LOCKED = $(PIP) install -q --require-hashes -r
EDITABLE = $(PIP) install -q --no-deps --no-build-isolation --editable .
# Neighbours stay on one worker, and share what their folder sets up, until another one runs out of tests.
PARALLEL = $(BIN)/python -m pytest -q --numprocesses=logical --maxprocesses=4 --dist=worksteal

# The tests start hundreds of processes: each would compile the whole package anew, half a second of it.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check style types layers docs bench lock clean

help:
	@echo "make demo    set everything up, run the starter playbooks over a sample company"
	@echo "make test    set everything up, run the tests"
	@echo "make check   formatting, lint, types, import layers, docs"
	@echo "make bench   the benchmarks, one after the other"
	@echo "make lock    write the lock files anew (make lock UPGRADE=--upgrade takes newer releases)"
	@echo "make clean   remove the environment and what the tools left"

demo: .venv/.runtime-installed
	@$(BIN)/regulars demo --contacts 150

test: .venv/.dev-installed
	@$(PARALLEL) $(PYTEST)

check: style types layers docs

style: .venv/.dev-installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/.dev-installed
	$(BIN)/mypy

layers: .venv/.dev-installed
	$(BIN)/lint-imports --no-logo

docs: .venv/.dev-installed
	$(PARALLEL) tests/docs

bench: .venv/.dev-installed
	@for benchmark in benchmarks/*.py; do \
	  case $$benchmark in */__init__.py) continue;; esac; \
	  echo "== $$benchmark"; $(BIN)/python $$benchmark || exit 1; \
	done

# The first Python that runs (a pyenv shim may exist and not run), is new enough and can make an environment.
.venv/bin/python:
	@for python in "$$PYTHON" python3.14 python3.13 python3.12 python3.11 python3; do \
	  test -n "$$python" || continue; \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 || continue; \
	  if ! "$$python" -c 'import ensurepip, venv' >/dev/null 2>&1; then bare="$$python"; continue; fi; \
	  echo "Setting up .venv with $$("$$python" --version)"; \
	  "$$python" -m venv --clear .venv && exit 0; \
	  rm -rf .venv; exit 1; \
	done; \
	if test -n "$$bare"; then \
	  echo "$$bare cannot make a virtual environment: install python3-venv (Debian: sudo apt install python3-venv), then try again." >&2; \
	else \
	  echo "Regulars needs Python 3.11 or later and found none. Install it, or name one: PYTHON=/path/to/python3 make …" >&2; \
	fi; exit 1

# The locks agree on every version, so either may be installed first. Unchanged locks cost no time.
.venv/.runtime-installed: .venv/bin/python requirements.lock pyproject.toml
	@echo "Installing what Regulars needs (about a minute the first time)"
	@$(LOCKED) requirements.lock
	@$(EDITABLE)
	@touch $@

.venv/.dev-installed: .venv/bin/python requirements-dev.lock pyproject.toml
	@echo "Installing what Regulars and its tests need (about a minute the first time)"
	@$(LOCKED) requirements-dev.lock
	@$(EDITABLE)
	@touch $@ .venv/.runtime-installed

# One resolution for Python 3.11 and later and for every system, with hashes and without addresses. The runtime lock takes
# its versions from the dev lock. uv lives in an environment of its own.
COMPILE = .venv/lock/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
  --generate-hashes --no-header --no-annotate

lock: .venv/bin/python
	@test -x .venv/lock/bin/uv || { $(BIN)/python -m venv .venv/lock && .venv/lock/bin/python -m pip install -q uv; }
	$(COMPILE) $(UPGRADE) --group dev --output-file requirements-dev.lock
	$(COMPILE) --group build --constraint requirements-dev.lock --output-file requirements.lock

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
