# Everything a user needs: `make run` and `make test`. Both set up .venv by themselves.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run test check bench soak fuzz clean

run: $(STAMP)            ## the main job on embedded defaults
	$(BIN)/edgegw demo

test: $(STAMP)           ## all tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: $(STAMP)          ## lint, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)          ## the figures, as ratios of one run
	$(BIN)/python -m bench

soak: $(STAMP)           ## long runs
	$(BIN)/python -m pytest -m soak --timeout=3600

fuzz: $(STAMP)           ## minutes of hypothesis over codecs and store
	HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest tests/codec tests/store --timeout=3600

$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "edgegw needs Python 3.11 (or set PYTHON=/path/to/python3)"; exit 1; }
	$(PYTHON) -m venv --without-pip $(VENV)  # Debian's python3 has venv, but ensurepip only with another package
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
