# The same words for a developer and for CI. Each sets up what it needs, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DATA ?= galaxies
SUITE ?= speed
# one thread a worker: two two-thread processes on two cores are slower than one
WORKERS ?= $(shell nproc)

.PHONY: demo test check endurance faults release docs install bench bench-quick clean

demo: install  ## train, rank and report on made galaxies (or DATA=digits)
	$(BIN)/poleward demo --data $(DATA) --out demo

test: install  ## every test
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(WORKERS)

check: install  ## style, types, the import contract
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

endurance: install  ## a hundred kills and ten thousand damaged inputs, in fifteen minutes
	$(BIN)/python -m tests.endurance.kill --times 100
	$(BIN)/python -m tests.endurance.fuzz --cases 10000

faults: install  ## faults of one line, each of which must turn a test red, in fifteen minutes
	$(BIN)/python tests/faults/run.py

docs: install  ## the site, into site; a warning is an error
	$(BIN)/python scripts/refresh_commands.py
	$(BIN)/zensical build --clean --strict

bench: install  ## SUITE=speed, tables, images, ... in full, with its record in results
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[bench]"
	$(BIN)/poleward bench $(SUITE) --out results

bench-quick: install  ## every suite of quality on made data, in about two minutes
	for suite in tables images compression published ood generation audit reranking correction; do $(BIN)/poleward bench $$suite --quick || exit 1; done

release: install  ## wheel, sdist, the packages behind them and their licences, into dist
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[release]"
	$(BIN)/python scripts/release.py

install: $(VENV)/installed  ## the package and its tools into .venv

$(VENV)/installed: pyproject.toml constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:  ## what the commands above made
	rm -rf $(VENV) demo build dist site
