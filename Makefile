# `make demo` and `make test` need python3 (3.11 or newer) with venv, git and a package index; nothing else.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

.PHONY: venv demo site lint browser test clean

venv: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is older than 3.11; name another one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev]'
	touch $@

demo: venv
	$(BIN)/cytobench run benchmarks/demo.toml --out results/demo

# Pages of the demo and of the committed results, a folder each, and one that lists them.
site: demo
	$(BIN)/python benchmarks/pages.py site

lint: venv
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/imports.py --check

# Tests of pages need a browser: Debian's is installed where that asks no password, else they are skipped.
browser:
	@command -v chromium > /dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null \
		&& apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends chromium; } \
		|| echo "no chromium here: the tests of pages are skipped"

test: lint browser
	OMP_NUM_THREADS=1 $(BIN)/pytest -q --numprocesses auto --dist loadfile

# Results are left alone: a run may have cost hours.
clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find cytobench plugins tests -name __pycache__ -type d -prune -exec rm -rf {} +
