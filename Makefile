# Two commands on a fresh machine, with nothing but python3 (3.11 or 3.12) and make:
#   make demo   installs videogen into .venv and makes three clips in out/
#   make test   installs what the tests need too, and runs them

PYTHON ?= python3
VENV ?= .venv
OUT ?= out
PYTEST_ARGS ?= --numprocesses logical --maxprocesses 4 --dist worksteal
BIN := $(VENV)/bin
INPUTS := samples/inputs
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check --quiet --editable

.PHONY: demo test lint samples clean

demo: $(VENV)/installed
	@mkdir -p $(OUT)
	$(BIN)/videogen animate $(INPUTS)/portrait.png --pose $(INPUTS)/head.json --seed 1 -o $(OUT)/portrait.mp4
	$(BIN)/videogen animate $(INPUTS)/puppet.png --pose $(INPUTS)/dance.json --seed 1 -o $(OUT)/puppet.mp4
	$(BIN)/videogen text-to-video "a red ball bounces on green grass" --seed 3 -o $(OUT)/text.mp4

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Makes every sample output anew from the request that is stored inside it.
samples: $(VENV)/installed
	@for clip in samples/outputs/*.*; do \
		[ -e "$$clip" ] || continue; \
		$(BIN)/videogen run "$$clip" -o "$$clip" || exit 1; \
	done

clean:
	rm -rf $(VENV) $(OUT) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps say that an environment is up to date; a changed pyproject.toml installs again.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml | $(BIN)/python
	$(INSTALL) '.[pose]'
	@touch $@

$(VENV)/installed-dev: pyproject.toml | $(BIN)/python
	$(INSTALL) '.[dev]'
	@touch $@ $(VENV)/installed
