# Everything one does with the project, by name. Each target works in a fresh clone by itself.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
PYTHON ?=
# Processes that run tests: one more than the processors of a small machine, because tests often wait.
JOBS   ?= 3

# What a contributor needs to trust a change. The rest of tests/ is slower: `make check` runs it too.
FAST := $(wildcard tests/contract tests/unit)
# They start workers of the console, whole servers and PostgreSQL, wait for real timeouts, or try many changes of projects.
SLOW := tests/contract/http tests/unit/service/test_fetcher.py tests/unit/store/test_postgres.py tests/unit/vonage/test_voice_api.py \
	$(addprefix tests/unit/console/,test_editor.py test_flows.py test_incoming.py test_phone.py test_phone_calls.py test_worker.py) \
	$(addprefix tests/unit/flow/,test_fixes.py test_rename.py test_changed_projects.py)

COMPILE := $(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check

.PHONY: help setup serve test system check coverage lint types layers bench chaos audit fmt docs picture site lock docker-check vendor pin clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with the pinned versions; quick when nothing has changed
	@echo "$(VENV) is ready"

serve: $(READY) ## run the server in development mode on NCCO_HOST:NCCO_PORT (127.0.0.1:8000)
	@exec $(BIN)/ncco serve --dev

# Tests start hundreds of processes: they share the bytecode that the first one writes.
unexport PYTHONDONTWRITEBYTECODE
# The fixed seed lets every process of xdist collect the tests in one order, also those made from sets.
PYTEST := PYTHONHASHSEED=0 $(BIN)/pytest -q -n $(JOBS)

# A file runs in one process, which makes its fixtures once.
test: $(READY) ## run the tests that every change needs
	$(PYTEST) --dist loadfile $(SLOW:%=--ignore=%) $(FAST)

# Files keep their order, so that those of a folder share its servers and browsers. These tests wait even more often.
system: $(READY) ## run all other tests: kills, several hosts, whole servers
	$(PYTEST) -n $$(($(JOBS) + 2)) --dist loadfile --no-loadscope-reorder tests/system $(SLOW)

check: lint types layers test system ## lint, types, layers and all tests: all that must hold before a commit

coverage: $(READY) ## show the lines of app/ that no test of `make test` runs
	$(BIN)/coverage erase
	$(PYTEST) --cov --cov-report=term-missing $(FAST)

lint: $(READY) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## mypy, strict
	$(BIN)/mypy

layers: $(READY) ## import-linter: imports run down the layers
	$(BIN)/lint-imports

bench: $(READY) ## measure, and write the tables of docs/performance.md; seconds and no tables with QUICK=1
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

chaos: $(READY) ## kills, races, faults and a soak, two minutes; hours with LONG=1
	$(BIN)/python -m benchmarks --proofs $(if $(LONG),,--short)

# An index without advisories lets every package pass unseen: --strict makes that a failure.
audit: $(READY) ## ask the package index for known faults of the pinned packages
	$(BIN)/uvx -q pip-audit --strict --disable-pip --require-hashes -r requirements.txt

fmt: $(READY) ## fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## write the pages and tables that repeat the code, .env.example, and the moving picture of the README
	$(BIN)/python -m tests.system.docs.errors_page
	$(BIN)/python -m tests.system.docs.settings_pages
	$(BIN)/python -m tests.system.docs.commands_page
	$(BIN)/python -m tests.system.docs.options_page
	$(BIN)/python -m tests.system.docs.filters_table
	$(BIN)/python -m tests.system.docs.prove_picture

picture: $(READY) ## take the pictures of the console in the docs from the real pages; needs chromium
	$(BIN)/python -m tests.system.console.screenshots build/pictures phone-call
	cp build/pictures/phone-call-light-1280.png docs/console.png
	$(BIN)/python -m tests.system.console.screenshots docs/how-to owner

site: $(READY) ## build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

lock: $(READY) ## resolve the versions: make lock UPGRADE=--upgrade
	$(COMPILE) $(UPGRADE) pyproject.toml --extra otel --extra postgres --extra s3 -o requirements.txt
	$(COMPILE) $(UPGRADE) pyproject.toml --extra lsp --extra otel --extra postgres --extra s3 --group dev -c requirements.txt -o requirements-dev.txt
	$(COMPILE) $(UPGRADE) --group build -c requirements-dev.txt -o requirements-build.txt

vendor: ## bundle the browser's libraries into app/console/static/vendor; needs npm
	npm --prefix console-assets ci
	cd console-assets && node build.mjs

docker-check: $(READY) ## do in clean environments what the Dockerfile does, where no Docker engine runs
	$(BIN)/python -m tests.system.repository.image_by_hand

IMAGES := $(shell sed -nE 's/^(ARG IMAGE=| +image: )([^@ ]+:[^@ ]+).*/\2/p' Dockerfile docker-compose.yml)

pin: ## write the present digests of the images into Dockerfile and docker-compose.yml; needs docker and the registry
	@for image in $(IMAGES); do \
		digest=$$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$$image") || exit 1; \
		sed -i -E "s#((IMAGE=|image: )$$image)(@sha256:[0-9a-f]+)?#\1@$$digest#" Dockerfile docker-compose.yml; \
		echo "$$image@$$digest"; done

clean: ## remove what the other targets made
	rm -rf $(VENV) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build site
	find app tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is as new as what it was made from; a .venv whose Python is gone or too old is made again.
$(READY): requirements-dev.txt pyproject.toml
	@$(BIN)/python -c $(SUITABLE) 2>/dev/null || { $(FIND_PYTHON); \
		echo "making $(VENV) with $$found"; rm -rf $(VENV); "$$found" -m venv $(VENV); }
	@echo "installing the pinned packages, which takes some minutes"
	@$(INSTALL) --require-hashes -r requirements-dev.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $(READY)

SUITABLE := 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'
define FIND_PYTHON
found=; for name in $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python); do \
	"$$name" -c $(SUITABLE) 2>/dev/null && { found=$$name; break; }; done; \
	[ -n "$$found" ] || { echo "Python 3.11, 3.12 or 3.13 with the venv module is needed; tried: $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python)." >&2; \
	echo "Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
endef
