# Sofy Relay. `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
OPS_STAMP := $(VENV)/.installed-ops
PAGE_STAMP := $(VENV)/.installed-page
BENCH_STAMP := $(VENV)/.installed-bench
# A lock is whole, so nothing is resolved: pip before 23.3, which Python 3.11 and Debian 12 bring, takes the newest
# version of whatever another one asks for with an extra, and then finds that the lock has no hash of it.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
PORT ?= 9092
MINUTES ?= 10
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test faults chaos consumers ops page bench bench-quick bench-micro manifests lint format kafka lock audit clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## make .venv from the lock file; quick when nothing changed

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Sofy Relay needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ echo "Python's venv module is missing: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing the locked dependencies into $(VENV) ..."
	@$(INSTALL) --require-hashes -r requirements.lock
	@$(INSTALL) --no-build-isolation --editable .
	@touch $@

demo: $(STAMP) ## watch SMS statuses arrive on an embedded Kafka; ARGS="--seconds 20" ends by itself
	@$(BIN)/relay demo $(ARGS)

test: $(STAMP) ## run all tests but the long ones; with a JDK and Maven against a real Apache Kafka
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --cov --cov-report=term:skip-covered $(ARGS)

faults: $(STAMP) ## run the long fault tests: clusters of three, outages, restarts
	@$(BIN)/python -m pytest -m slow $(ARGS)

chaos: $(STAMP) ## break brokers and replicas for MINUTES=10, and prove that nothing acknowledged is lost; SEED=1
	@$(BIN)/python -m tests.chaos --minutes $(MINUTES) --seed $(SEED) $(ARGS)

consumers: $(STAMP) ## read our records with other languages' clients and parsers; wants a JDK 17, Maven, Go and Node
	@$(BIN)/python -m pytest -m consumers $(ARGS)

ops: $(OPS_STAMP) ## check deploy/: image, manifests, rules, dashboard, runbooks; on a real Prometheus where there is one
	@$(BIN)/python -m pytest -m ops $(ARGS)

$(OPS_STAMP): $(STAMP) tests/deploy/requirements.lock
	@echo "Installing the tools that check deploy/ into $(VENV) ..."
	@$(INSTALL) --require-hashes -r tests/deploy/requirements.lock
	@touch $@

page: $(PAGE_STAMP) ## look at the console page in a real browser; leaves screenshots in build/page; wants Chromium and Node
	@$(BIN)/python -m pytest -m page $(ARGS)

$(PAGE_STAMP): $(STAMP) tests/page/requirements.lock
	@echo "Installing what drives the browser into $(VENV) ..."
	@$(INSTALL) --require-hashes -r tests/page/requirements.lock
	@touch $@

bench: $(BENCH_STAMP) ## measure the relay, its floors and its peers on a real Kafka: 20 minutes; ARGS=--publish renews docs/performance.md
	@$(BIN)/python -m tests.benchmark $(ARGS)

bench-quick: $(BENCH_STAMP) ## the whole path and its floors alone, on the embedded broker: a minute
	@$(BIN)/python -m tests.benchmark --quick $(ARGS)

bench-micro: $(BENCH_STAMP) ## time the pure steps one by one
	@$(BIN)/python -m pytest -p benchmark -m bench --benchmark-columns=median,iqr,rounds --benchmark-sort=name $(ARGS) tests/benchmark

$(BENCH_STAMP): $(STAMP) tests/benchmark/requirements.lock
	@echo "Installing what measures and draws into $(VENV) ..."
	@$(INSTALL) --require-hashes -r tests/benchmark/requirements.lock
	@touch $@

manifests: $(STAMP) ## write what is generated in deploy/: the PrometheusRule and the dashboard
	@$(BIN)/python -m deploy.prometheus.generate
	@$(BIN)/python -m deploy.grafana

lint: $(STAMP) ## check style, types and the arrows between the rooms
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/relay schemas check

format: $(STAMP) ## rewrite the code in the project's style
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

kafka: $(STAMP) ## run a real local broker in the foreground; PORT=9092
	@$(BIN)/python -m tests.kafka --port $(PORT)

COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --no-annotate --upgrade

lock: $(STAMP) ## renew the lock files, hashed and naming no registry
	@$(BIN)/$(COMPILE) --all-extras --group dev pyproject.toml --output-file requirements.lock
	@$(BIN)/$(COMPILE) --constraint requirements.lock --group ops --output-file tests/deploy/requirements.lock
	@$(BIN)/$(COMPILE) --constraint requirements.lock --group page --output-file tests/page/requirements.lock
	@$(BIN)/$(COMPILE) --constraint requirements.lock --extra otel --extra redis pyproject.toml --output-file deploy/requirements.lock
	@echo hatchling | $(BIN)/$(COMPILE) --constraint requirements.lock - --output-file deploy/build.lock

audit: $(STAMP) ## look the locked dependencies up among known vulnerabilities; needs an advisory database
	@$(BIN)/uvx pip-audit --requirement requirements.lock --disable-pip --strict

clean: ## remove what the other targets made in this folder
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov dist build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
