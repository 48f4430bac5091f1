# Thin on purpose: each target says what to run; the tools' settings are in pyproject.toml.
# On a fresh machine with Python >= 3.11 and make, every target does its own set-up.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
DEMO ?= demo
PYTEST = $(BIN)/pytest
TESTS ?= not long
export MLFLOW_DISABLE_TELEMETRY = true
export DO_NOT_TRACK = true

TARGETS = demo test test-all check bench-engine bench-projection bench-ct bench-mri bench-registration \
  bench-retrieval measured-data mri-measured ct-corrections ct-convergence helical-ct fusion-pairs retrieval-features \
  warm clean
.PHONY: help $(TARGETS)

help:
	@echo make $(TARGETS)

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Scanmill needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cpu]'
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cpu,dev]'
	touch $@

$(VENV)/installed-bench: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cpu,dev,bench]'
	touch $@

# Apart and without what it asks for: an older SciPy than it needs.
$(VENV)/installed-ants: $(VENV)/installed-bench
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps antspyx==0.6.3
	touch $@

warm: $(VENV)/installed  ## compile the kernels once, in one process, into the stable cache
	$(BIN)/scanmill warm

demo: warm
	$(BIN)/scanmill demo --out $(DEMO)

test: $(VENV)/installed-dev warm
	$(PYTEST) -n 2 --dist loadgroup -m "$(TESTS)"

# Everything: the services (PostgreSQL on a free port, an S3 server) and the long chaos tests.
test-all: $(VENV)/installed-dev warm
	$(BIN)/python tests/services.py $(PYTEST) -n 2 --dist loadgroup -m "not long"
	$(BIN)/python tests/services.py $(PYTEST) -m long

check: $(VENV)/installed-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PYTEST) -q tests/architecture

bench-engine: $(VENV)/installed-dev warm
	$(BIN)/python benchmarks/bench_engine.py

bench-projection: $(VENV)/installed-bench warm
	$(BIN)/python benchmarks/bench_projection.py

measured-data: $(VENV)/installed-bench warm
	$(BIN)/python benchmarks/measured_data.py

bench-ct: $(VENV)/installed-bench warm
	$(BIN)/python benchmarks/bench_ct.py

bench-mri: $(VENV)/installed-bench warm
	$(BIN)/python benchmarks/bench_mri.py

bench-registration: $(VENV)/installed-ants warm
	$(BIN)/python benchmarks/bench_registration.py

bench-retrieval: $(VENV)/installed-bench warm
	$(BIN)/python benchmarks/bench_retrieval.py

ct-corrections: $(VENV)/installed warm
	$(BIN)/python benchmarks/ct_corrections.py

ct-convergence: $(VENV)/installed warm
	$(BIN)/python benchmarks/ct_convergence.py

helical-ct: $(VENV)/installed-dev warm
	$(BIN)/python benchmarks/helical_cohort.py

fusion-pairs: $(VENV)/installed warm
	$(BIN)/python benchmarks/fusion_pairs.py

mri-measured: $(VENV)/installed-bench warm
	$(BIN)/python benchmarks/mri_measured.py

retrieval-features: $(VENV)/installed-dev
	$(BIN)/python benchmarks/retrieval_features.py

clean:
	rm -rf $(VENV) build dist demo runs .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
