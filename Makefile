# Everything one types. Each target does its own set-up; `make help` lists them from the `##` comments.
#
# On a machine with Python >= 3.10, cargo and package registries nothing has to be prepared:
# tools go to .venv in the clone, what is compiled and downloaded goes to the user's cache.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/fleet-q
export CARGO_TARGET_DIR ?= $(CACHE)/target
VENV ?= .venv
BIN := $(abspath $(VENV))/bin
PY := $(BIN)/python
CARGO := scripts/cargo
# A shell that has another environment active must not reach into ours.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1

WHEEL_DIR := dist
RUST_SOURCES := Cargo.toml Cargo.lock $(wildcard build.rs) $(shell find src -type f)
PYTHON_SOURCES := pyproject.toml README.md LICENSE $(shell find python -type f -not -name '*.pyc' -not -name '*.so')
SEEDS ?= 1000
VERSIONS ?= short
STORES ?= sqlite postgres debian pooled
BENCH := $(CACHE)/bench

# What `make test` runs, in this order; each name is a target below.
SUITES := fmt-check clippy test-rust test-postgres wheel ruff mypy stubtest pyright test-python test-commands \
	test-acceptance test-acceptance-postgres test-nights test-versions test-docs pip-check

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-24s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: $(VENV)/.installed ## Run the FastAPI demo: real work, submitted over HTTP, on SQLite
	$(BIN)/fleet-q demo

.PHONY: test
test: ## Run every check and test, and say how long each took
	@scripts/suites $(SUITES)

.PHONY: test-rust
test-rust: $(VENV)/.tools ## Run the Rust tests, with a Postgres beside them; FILTER=name picks some
	$(PY) scripts/test-postgres $(CARGO) test --quiet -- $(FILTER)

# Debian's packages are unpacked into the cache. What cannot be had fails in CI, and is said loudly elsewhere.
.PHONY: test-postgres
test-postgres: $(VENV)/.tools ## Run the Rust cases of Postgres on the distribution's own, and through pgbouncer; 1 to 2 minutes
	FLEET_Q_MODEL_CASES=16 $(PY) scripts/test-postgres --server debian $(CARGO) test --quiet -- postgres
	FLEET_Q_MODEL_CASES=16 $(PY) scripts/test-postgres --pooler $(CARGO) test --quiet -- postgres

.PHONY: test-python
test-python: $(VENV)/.installed $(VENV)/.tools ## Run the Python tests; FILTER='-k name' picks some
	$(PY) -m pytest -m 'not docs and not acceptance' $(FILTER)

.PHONY: test-commands
test-commands: $(VENV)/.installed $(VENV)/.tools ## Test commands, demo, testing kit and plain SQL with real processes, most on Postgres; 2 minutes
	$(PY) -m pytest -m 'acceptance and not docs' --ignore tests/python/acceptance $(FILTER)

.PHONY: test-acceptance
test-acceptance: $(VENV)/.installed $(VENV)/.tools ## Kill, freeze and lock out real processes; the short form, 2.5 minutes
	$(PY) -m pytest tests/python/acceptance -m 'not night' $(FILTER)

# At once, for they mostly wait: everything on 18, the core on the distribution's Postgres and through pgbouncer.
ACCEPTANCE := $(PY) -m pytest tests/python/acceptance $(FILTER)
.PHONY: test-acceptance-postgres
test-acceptance-postgres: $(VENV)/.installed $(VENV)/.tools ## Run the same on Postgres 18, the core of it on Debian's and through pgbouncer; 2 minutes
	$(PY) scripts/at_once.py "env FLEET_Q_TEST_STORE=postgres $(ACCEPTANCE) -m 'not core and not night'" \
	  $(foreach store,postgres debian pooled,"env FLEET_Q_TEST_STORE=$(store) $(ACCEPTANCE) -m core")

# In a few streams, each on a server of its own: they wait for stalls and thresholds. STORE/ before a stream's names
# is what it runs on, if not on Postgres 18.
NIGHTS ?= outage+grace stalls+kills lost_replies+starts+locks cuts+poison+failover clocks+leaders disk+journal+schema pooled/failover
night = "env FLEET_Q_TEST_STORE=$(or $(patsubst %/,%,$(filter-out ./,$(dir $1))),postgres) $(PY) -m pytest -s -m night \
  $(patsubst %,tests/python/acceptance/test_night_%.py,$(subst +, ,$(notdir $1))) $(FILTER)"
.PHONY: test-nights
test-nights: $(VENV)/.installed $(VENV)/.tools ## Lose replies after COMMIT, cut, kill, poison, fail over; the short form, 3 minutes; NIGHTS=name picks
	$(PY) scripts/at_once.py $(foreach stream,$(NIGHTS),$(call night,$(stream)))

# With a target folder of its own: the first time it compiles everything, after that one crate for each defect.
.PHONY: planted
planted: $(VENV)/.installed $(VENV)/.tools ## Take each guard out of a copy, and demand that a scenario sees it; FILTER='fence journal' picks
	cd scripts && $(PY) -m planted $(abspath $(CACHE))/planted $(FILTER)

.PHONY: test-docs
test-docs: $(VENV)/.installed $(VENV)/.tools ## Run what README, docs, examples and ARCHITECTURE claim
	$(PY) -m pytest -m docs $(FILTER)

# One wheel on the Pythons that are here, found by name or by pyenv. VERSIONS=full runs all tests of the surface.
.PHONY: test-versions
test-versions: $(VENV)/.installed ## Test the wheel on Python 3.10 to 3.13, with asyncio and uvloop; VERSIONS=full
	$(PY) scripts/versions.py $(WHEEL_DIR)/*.whl $(CACHE)/versions $(VERSIONS)

# Optimised for long, so once; in an environment of its own, for it must not replace what the tests run.
# BENCH_WHEEL=path measures a wheel that is there already, on Postgres.
BENCH_POSTGRES = cd benches && $(if $(BENCH_WHEEL),BENCH_WHEEL=$(abspath $(BENCH_WHEEL))) PYTHONPATH=$(CURDIR)/scripts BENCH_CACHE=$(BENCH) $(BENCH)/venv-postgres/bin/python
BENCH_BUILT := $(if $(BENCH_WHEEL),,$(BENCH)/.installed)
.PHONY: bench bench-sqlite bench-postgres bench-profile
bench: $(addprefix bench-,$(or $(STORE),sqlite postgres)) ## Measure beside peers and a bare loop; STORE=sqlite (6 min) or postgres (half an hour); BENCH_QUICK=1 (1 and 3 min)

bench-sqlite: $(BENCH)/.installed
	BENCH_CACHE=$(BENCH) $(BENCH)/venv/bin/python benches/run.py

bench-postgres: $(BENCH_BUILT) $(BENCH)/venv-postgres/.installed
	$(BENCH_POSTGRES) -m postgres

bench-profile: $(BENCH_BUILT) $(BENCH)/venv-postgres/.installed ## Say where the time of a drain on Postgres goes, by statement and by function; PROFILE_SCENE=bulk, one, sync, latency or inside: of calls
	$(BENCH_POSTGRES) -m postgres.profile

# `cargo bench` is the release profile, in the target folder of all; without a server, Postgres is left out, loudly.
.PHONY: bench-micro
bench-micro: $(VENV)/.tools ## Time rules and the calls of each store, one caller; 2 minutes after the build; FILTER=name picks; BENCH_QUICK=1 (15 s)
	$(PY) scripts/test-postgres $(CARGO) bench --locked --quiet --bench rules --bench stores -- $(FILTER)

.PHONY: bench-curves
bench-curves: $(BENCH_BUILT) $(BENCH)/venv-postgres/.installed ## Measure over sizes on Postgres (an hour, 12 GB); CURVES=pods+backlog picks; CURVES_QUICK=1 (2 min)
	$(BENCH_POSTGRES) -m curves

.PHONY: bench-stress
bench-stress: $(BENCH_BUILT) $(BENCH)/venv-postgres/.installed ## Measure 64 pods on one queue, and an old snapshot (half an hour); STRESS_QUICK=1 (1 min)
	$(BENCH_POSTGRES) -m stress

.PHONY: soak
soak: $(BENCH_BUILT) $(BENCH)/venv-postgres/.installed ## Soak for an hour at 70 % of the peak, with kills; SOAK_MINUTES; SOAK_QUICK=1 (2 min)
	$(BENCH_POSTGRES) -m soak

# Restartable: what was loaded and measured stays in the cache until the folder is removed; about 30 GB while it runs.
.PHONY: bench-layout
bench-layout: $(BENCH)/venv-layout/.installed ## Measure layouts of STEP_TRACKER on Postgres (an hour); LAYOUT_QUICK=1 (5 min)
	cd benches && BENCH_CACHE=$(BENCH) $(BENCH)/venv-layout/bin/python -m layout

.PHONY: chaos
chaos: chaos-pods chaos-nights ## Both long forms, at the pace of production: an hour and a half

.PHONY: chaos-pods
chaos-pods: $(VENV)/.installed $(VENV)/.tools ## Kill 50 pods on each of four stores, a million steps; 17 minutes a store; STORES and FILTER pick
	for store in $(STORES); do \
	  FLEET_Q_TEST_LONG=1 FLEET_Q_TEST_STORE=$$store $(ACCEPTANCE) -m 'not night' -s; \
	done

.PHONY: chaos-nights
chaos-nights: $(VENV)/.installed $(VENV)/.tools ## The worst night with outages of five thresholds and 50 killers; 10 minutes; NIGHTS and FILTER pick
	FLEET_Q_TEST_LONG=1 $(PY) scripts/at_once.py $(foreach stream,$(NIGHTS),$(call night,$(stream)))

.PHONY: sim
sim: ## Simulate fleets under many seeds; SEEDS=n (default 1000)
	FLEET_Q_SIM_SEEDS=$(SEEDS) $(CARGO) test --quiet -- simulation --nocapture

.PHONY: lint
lint: fmt-check clippy ruff ## Check formats and lints, Rust and Python

.PHONY: types
types: mypy stubtest pyright ## Check the types, and the stubs against the built core

.PHONY: fmt
fmt: $(VENV)/.tools ## Format Rust and Python
	cargo fmt
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

.PHONY: docs
docs: $(VENV)/.tools ## Write docs/reference anew from the code
	FLEET_Q_BLESS=1 $(CARGO) test --quiet -- docs::
	$(PY) scripts/gen_reference.py

.PHONY: wheel
wheel: $(VENV)/.installed ## Build the wheel into dist/ and install it in .venv

.PHONY: clean
clean: ## Remove what was built in the clone; the caches outside stay
	rm -rf $(VENV) $(WHEEL_DIR) .pytest_cache .mypy_cache .ruff_cache
	find python tests examples scripts -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the single checks -------------------------------------------------------------------------

.PHONY: fmt-check clippy ruff mypy stubtest pyright pip-check

fmt-check:
	cargo fmt --check

# Three times, for each set of features compiles other code; alone, `rules` must not know the rest.
clippy: | $(PY)
	$(CARGO) clippy --locked --quiet --all-targets -- -D warnings
	$(CARGO) clippy --locked --quiet --no-default-features -- -D warnings
	PYO3_PYTHON=$(PY) $(CARGO) clippy --locked --quiet --features python -- -D warnings

ruff: $(VENV)/.tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

mypy: $(VENV)/.installed $(VENV)/.tools
	$(PY) -m mypy

stubtest: $(VENV)/.installed $(VENV)/.tools
	$(PY) -m mypy.stubtest fleet_q._core

pyright: $(VENV)/.installed $(VENV)/.tools
	scripts/pyright $(BIN)

pip-check: $(VENV)/.installed $(VENV)/.tools
	$(PY) -m pip check

# --- set-up, remembered by stamp files ---------------------------------------------------------

$(PY):
	@python=$$(scripts/find-python) && echo "using $$python" && "$$python" -m venv $(VENV)

$(VENV)/.build: requirements-build.txt | $(PY)
	$(PY) -m pip install --quiet --requirement requirements-build.txt
	@touch $@

# The one optimised compile. Only the newest wheel stays, so that what is installed is what was built.
$(VENV)/.installed: $(RUST_SOURCES) $(PYTHON_SOURCES) | $(VENV)/.build
	@rm -rf $(WHEEL_DIR)
	@scripts/own-target
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin build --profile ci --locked --quiet --interpreter $(PY) --out $(WHEEL_DIR)
	$(PY) -m pip install --quiet --find-links $(WHEEL_DIR) "$$(echo $(WHEEL_DIR)/*.whl)[fastapi]"
	$(PY) -m pip install --quiet --force-reinstall --no-deps $(WHEEL_DIR)/*.whl
	@touch $@

$(BENCH)/.installed: $(RUST_SOURCES) $(PYTHON_SOURCES) | $(VENV)/.build
	@rm -rf $(BENCH)/dist
	@scripts/own-target
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin build --release --locked --quiet --interpreter $(PY) --out $(BENCH)/dist
	$(PY) -m venv --clear $(BENCH)/venv
	$(BENCH)/venv/bin/python -m pip install --quiet $(BENCH)/dist/*.whl
	@touch $@

$(BENCH)/venv-postgres/.installed: benches/postgres/requirements.txt | $(PY)
	$(PY) -m venv --clear $(BENCH)/venv-postgres
	$(BENCH)/venv-postgres/bin/python -m pip install --quiet --requirement benches/postgres/requirements.txt
	@touch $@

$(BENCH)/venv-layout/.installed: benches/layout/requirements.txt | $(PY)
	$(PY) -m venv --clear $(BENCH)/venv-layout
	$(BENCH)/venv-layout/bin/python -m pip install --quiet --requirement benches/layout/requirements.txt
	@touch $@

$(VENV)/.tools: requirements-dev.txt | $(VENV)/.build
	$(PY) -m pip install --quiet --requirement requirements-dev.txt
	@touch $@
