# Everything rests on `make setup`, which needs only Python >= 3.11 and leaves .venv/bin/keeper.
# The stamp's name is a checksum of all that decides what an environment holds, so nothing is done twice
# and a checkout that merely touches files costs nothing. The folder's own path counts: a moved .venv is broken.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv
PY := $(VENV)/bin/python
JOBS ?= 2
ARGS ?=
SOAK_CASES ?= 100000

DECIDES := pyproject.toml requirements-dev.lock requirements-build.lock \
           $(wildcard keeper/chainlab/install.py keeper/chainlab/npm/* keeper/chainlab/contracts/*.sol)
STAMP := $(VENV)/.ready-$(shell { pwd; cat $(DECIDES); } | cksum | tr -d '\n' | tr ' ' '-')

# A name that exists may still fail to run (version-manager shims), or lack the standard library's venv. First the two
# for which every development package has a wheel.
CANDIDATES := python3.12 python3.11 python3.13 python3.14 python3 python
FITS := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in $(CANDIDATES); do \
            if "$$name" -c '$(FITS)' >/dev/null 2>&1; then command -v "$$name"; break; fi; done)

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
	  while IFS='|' read -r name what; do printf '  make %-16s %s\n' "$$name" "$$what"; done

.PHONY: setup
setup: $(STAMP) ## the virtual environment, the locked packages, the local chain's parts; leaves .venv/bin/keeper

$(STAMP):
	@set -e; python='$(PYTHON)'; \
	if [ -z "$$python" ] || ! "$$python" -c '$(FITS)' 2>/dev/null; then \
	  echo "make setup needs Python 3.11 or newer with its venv module, and found none that runs among: $${python:-$(CANDIDATES)}." >&2; \
	  echo "Install it (Debian, Ubuntu: apt install python3 python3-venv), or name one: make setup PYTHON=/path/to/python3.13" >&2; \
	  exit 2; \
	fi; \
	if ! $(PY) -c '$(FITS)' 2>/dev/null || ! $(PY) -m pip --version >/dev/null 2>&1; then \
	  echo "setup: virtual environment with $$("$$python" --version) in $(VENV)"; \
	  "$$python" -m venv --clear $(VENV); \
	fi
	@rm -f $(VENV)/.ready-*
	@echo "setup: locked packages"
	@$(PY) -m pip install $(PIP_QUIET) --require-hashes -r requirements-build.lock
	@# pip knows this machine's mirrors and certificates where uv may not, so it is the second try.
	@$(PY) -m uv pip install --quiet --python $(PY) --require-hashes -r requirements-dev.lock || { \
	  echo "setup: uv could not; trying pip" >&2; \
	  $(PY) -m pip install $(PIP_QUIET) --require-hashes -r requirements-dev.lock; }
	@$(PY) -m pip install $(PIP_QUIET) --no-index --no-deps --no-build-isolation --editable .
	@echo "setup: the local chain's parts (anvil, contract artifacts)"
	@$(PY) -m keeper.chainlab.install
	@test -x $(VENV)/bin/keeper
	@touch $@

PIP_QUIET := --quiet --quiet --disable-pip-version-check --no-input

.PHONY: demo
demo: setup ## the main job here, now: a local chain, a market, the keeper; ARGS="--days 3 --serve"
	@$(VENV)/bin/keeper demo $(ARGS)

.PHONY: test
test: setup ## every test but the soak; ARGS="-k ticks"
	@$(PY) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: soak
soak: setup ## every test, property tests at SOAK_CASES=100000 cases each
	@KEEPER_EVM_CASES=$(SOAK_CASES) $(PY) -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -m 'soak or not soak' $(ARGS)

.PHONY: record-multisig
record-multisig: setup ## runs the story of docs/multisig.md on a local chain and writes its recordings anew
	@$(PY) -m tests.record_multisig

.PHONY: lint
lint: setup ## ruff: rules and format
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

.PHONY: types
types: setup ## mypy --strict
	@$(PY) -m mypy keeper

.PHONY: bench
bench: setup ## every script of bench/: peers and Range Keeper side by side
	@set -e; for script in bench/*.py; do \
	  test -e "$$script" || { echo "bench/ holds no script" >&2; exit 1; }; \
	  case "$$script" in bench/_*) continue;; esac; \
	  echo "== $$script"; $(PY) "$$script"; done

# No line of a lock names an index: each machine uses its own, the hashes say whether it got the same files.
UV_LOCK = $(PY) -m uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --generate-hashes \
          --no-emit-index-url --no-emit-find-links --no-header $(ARGS)

.PHONY: bench-peers
bench-peers: setup ## demeter, a peer of bench/replay.py, in an environment of its own (.venv-bench)
	@test -x .venv-bench/bin/python || $(PY) -m venv .venv-bench
	@.venv-bench/bin/python -m pip install $(PIP_QUIET) -r bench/requirements-peers.txt

.PHONY: lock
lock: setup ## the lock files again from pyproject.toml; ARGS=--upgrade for the newest versions
	@$(UV_LOCK) pyproject.toml --extra postgres --extra parquet --extra optimize --output-file requirements.lock
	@$(UV_LOCK) pyproject.toml --extra postgres --extra parquet --extra optimize --extra cluster --group dev --constraint requirements.lock \
	  --output-file requirements-dev.lock
	@$(UV_LOCK) --group build --constraint requirements-dev.lock --output-file requirements-build.lock

.PHONY: clean
clean: ## removes what the targets made, .venv with it
	@rm -rf $(VENV) .venv-bench build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find keeper tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
