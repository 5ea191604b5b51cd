# All common tasks. Each target works in a fresh clone.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready
RUNS  := $(VENV)/.runs
# What makes packages is needed only while they are installed.
BUILD := $(VENV)/.build
PYTHON ?=
# Number of test processes: more than a small machine has processors, because tests often wait.
JOBS   ?= 4

# The tests to run for each change. The other tests are slower: `make check` runs them, too.
FAST := $(wildcard tests/contract tests/unit)
# These start console workers, whole servers or PostgreSQL, wait for real timeouts, or try many changes to projects.
SLOW := tests/contract/server/check/test_mistakes.py \
	$(addprefix tests/contract/server/,http check/test_faults.py check/test_examples.py store/test_durability.py \
		store/test_table_rows.py) \
	$(addprefix tests/unit/server/,flow/hours/test_counted.py flow/test_changed_projects.py service/test_fetcher.py \
		service/test_jobs.py store/test_postgres.py vonage/test_voice_api.py) \
	$(addprefix tests/unit/studio/console/,test_change.py test_editor.py test_flows.py test_incoming.py test_phone.py \
		test_phone_calls.py) \
	$(addprefix tests/unit/studio/,editor/test_worker.py pictures/test_svg.py)
# These try much more with --night.
NIGHT := tests/system/server/security/test_every_route.py tests/system/cli/test_every_command.py \
	$(addprefix tests/system/cli/,test_broken_projects.py test_chaos.py) \
	tests/system/docs/test_page_proofs.py tests/contract/server/check/test_mistakes.py

WHEELS := tests/system/repository/test_wheel.py

# The server and the studio
PROJECTS := pyproject.toml app/studio/pyproject.toml
VERSION  := app/ncco_server/version.py
COMPILE := $(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
	--no-emit-package ncco-server
HOSTS := --extra otel --extra postgres --extra s3
# Python compiles what is imported when it is first imported: a third of the packages' modules never are.
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile

.PHONY: help setup serve test system check release-check check-all coverage lint types layers size bench chaos audit fmt docs picture site lock docker-check vendor pin clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with the pinned versions, also of what tests need; quick when nothing has changed
	@echo "$(VENV) is ready"

serve: $(RUNS) ## run the server in development mode on NCCO_HOST:NCCO_PORT (127.0.0.1:8000)
	@exec $(BIN)/ncco serve --dev

# Tests start hundreds of processes, which share the bytecode that the first one writes.
unexport PYTHONDONTWRITEBYTECODE
# With a fixed hash seed, all xdist processes collect the tests in the same order, even those made from sets.
# The tests' databases are in memory, if there is enough and it may hold programs: no write waits for a disk.
MEMORY := $(shell grep -q '^tmpfs /dev/shm .*noexec' /proc/mounts 2>/dev/null || \
	df -k --output=avail /dev/shm 2>/dev/null | awk 'NR == 2 && $$1 > 4000000 {print "/dev/shm"}')
PYTEST := $(if $(MEMORY),PYTEST_DEBUG_TEMPROOT=$(MEMORY)) PYTHONHASHSEED=0 $(BIN)/pytest -q -n $(JOBS) \
	-o tmp_path_retention_count=1

# Neighbours run in one process, so a file's fixtures are made once; a process that has finished takes over from another.
test: $(READY) ## run the tests that every change needs
	$(PYTEST) --dist worksteal $(SLOW:%=--ignore=%) $(FAST)

# Files run in order, so the files of a folder share its servers and browsers; the longest one begins first, or the
# others would wait for it at the end. These tests wait even more often.
system: $(READY) ## run all other tests: kills, several hosts, whole servers
	$(PYTEST) -n $$(($(JOBS) + 1)) --dist loadfile --no-loadscope-reorder $(SLOW) tests/system --ignore=$(WHEELS)

check: lint types layers size test system release-check ## run lint, types, layers, sizes and all tests: everything that must pass before a commit

release-check: $(READY) ## write what a release publishes into dist/, and try its wheels; TAG=v1.2.3: for this tag
	$(BIN)/python -m tests.system.repository.release $(TAG)
	$(PYTEST) -n 1 $(WHEELS)

check-all: check ## run check, hostile and generated requests, long proofs and more examples: for a night
	$(PYTEST) --night $(NIGHT)
	$(PYTEST) --dist loadfile --hypothesis-profile=search -m hypothesis tests
	$(BIN)/python -m tests.system.promises --long
	$(BIN)/python -m tests.system.server.security.fuzzing --minutes 6 --seed $$(date +%j)

coverage: $(READY) ## show the lines of app/ that no test of `make test` runs
	$(BIN)/coverage erase
	$(PYTEST) --cov --cov-report=term-missing $(FAST)

lint: $(READY) ## run ruff (rules and format) and deptry (declared packages are the imported ones)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/deptry app/ncco_server
	$(BIN)/deptry app/studio/ncco_studio --config app/studio/pyproject.toml

types: $(READY) ## run mypy in strict mode
	$(BIN)/mypy --num-workers 2

layers: $(READY) ## run import-linter: a layer imports only from lower layers
	$(BIN)/lint-imports

size: $(READY) ## count nodes and concepts, which app/size.toml limits; LOWER=1: lower its lines to what there is
	$(BIN)/python -m tests.system.repository.size $(if $(LOWER),--lower)

bench: $(READY) ## measure, and update the tables in docs/performance.md; QUICK=1: some seconds, no tables
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

chaos: $(READY) ## test kills, races, faults and long runs for two minutes; with LONG=1 for hours
	$(BIN)/python -m tests.system.promises $(if $(LONG),--long)

# If the index has no advisories, every package would pass unchecked: --strict makes that a failure.
audit: $(READY) ## check the pinned packages for known vulnerabilities
	$(BIN)/uvx -q pip-audit --strict --disable-pip --require-hashes -r requirements-server.txt -r requirements.txt

fmt: $(READY) ## fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## generate the reference pages and tables, .env.example, and the animation in the README
	$(BIN)/python -m tests.system.docs.generated

picture: $(READY) ## take the screenshots of the console for the docs; needs Chromium
	$(BIN)/python -m tests.system.studio.console.screenshots build/pictures phone-call
	cp build/pictures/phone-call-light-1280.png docs/console.png
	$(BIN)/python -m tests.system.studio.console.screenshots docs/how-to owner

site: $(READY) ## build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

lock: $(READY) ## pin the versions of all packages; to upgrade them: make lock UPGRADE=--upgrade
	$(COMPILE) $(UPGRADE) $(PROJECTS) -o requirements.txt
	$(COMPILE) $(UPGRADE) pyproject.toml $(HOSTS) -c requirements.txt -o requirements-server.txt
	$(COMPILE) $(UPGRADE) $(PROJECTS) $(HOSTS) --group dev -c requirements.txt -c requirements-server.txt -o requirements-dev.txt
	$(COMPILE) $(UPGRADE) --group build -c requirements-dev.txt -o requirements-build.txt

vendor: ## bundle the JavaScript libraries into app/studio/ncco_studio/console/static/vendor; needs npm
	npm --prefix console-assets ci
	cd console-assets && node build.mjs

docker-check: $(READY) ## run the steps of the Dockerfile in clean environments, without Docker
	$(BIN)/python -m tests.system.repository.image_by_hand

IMAGES := $(shell sed -nE 's/^(ARG IMAGE=| +image: )([^@ ]+:[^@ ]+).*/\2/p' Dockerfile docker-compose.yml)

pin: ## write the images' current digests to Dockerfile and docker-compose.yml; needs Docker and registry access
	@for image in $(IMAGES); do \
		digest=$$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$$image") || exit 1; \
		sed -i -E "s#((IMAGE=|image: )$$image)(@sha256:[0-9a-f]+)?#\1@$$digest#" Dockerfile docker-compose.yml; \
		echo "$$image@$$digest"; done

clean: ## remove everything that the other targets made
	rm -rf $(VENV) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build site
	find app tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is up to date unless one of its files is newer. A .venv without a suitable Python is made again.
$(RUNS): requirements.txt requirements-build.txt $(PROJECTS) $(VERSION)
	@$(MAKE_VENV)
	@echo "installing what the server needs"
	@$(INSTALL) --no-deps --require-hashes -r requirements.txt
	@$(INSTALL) --no-deps --require-hashes -r requirements-build.txt --target $(BUILD)
	@PYTHONPATH="$(CURDIR)/$(BUILD)" $(INSTALL) --no-deps --no-build-isolation -e . -e app/studio
	@rm -rf $(BUILD); $(BIN)/python -m pip uninstall -qq -y setuptools
	@find $(VENV)/lib -path '*/pip/*' -name __pycache__ -prune -exec rm -rf {} +  # 7 MB
	@touch $(RUNS)

$(READY): requirements-dev.txt $(PROJECTS) $(VERSION)
	@$(MAKE_VENV)
	@echo "installing what tests need, too, which takes some minutes"
	@$(INSTALL) --no-deps --require-hashes -r requirements-dev.txt
	@$(INSTALL) --no-deps --no-build-isolation -e . -e app/studio
	@touch $(RUNS) $(READY)

SUITABLE := 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))'
define FIND_PYTHON
found=; for name in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3 python); do \
	"$$name" -c $(SUITABLE) 2>/dev/null && { found=$$name; break; }; done; \
	[ -n "$$found" ] || { echo "Python 3.11 to 3.14 with the venv module is needed; tried: $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3 python)." >&2; \
	echo "Install one, or name it: make setup PYTHON=/path/to/python3.12" >&2; exit 1; }
endef
define MAKE_VENV
$(BIN)/python -c $(SUITABLE) 2>/dev/null || { $(FIND_PYTHON); \
	echo "making $(VENV) with $$found"; rm -rf $(VENV); "$$found" -m venv $(VENV); }
endef
