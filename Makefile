# Everything that is done with this project. `make` alone lists it.
# ARGS passes options on: make test ARGS="-k oneclick", make lock ARGS=--upgrade.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
DURATION ?=
SEED ?=

.DEFAULT_GOAL := help
.PHONY: help install run manage test image one-click screenshots chaos bench bench-centre bench-queue mutants check lock format clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Make .venv from the hashed locks (done once, and again when a lock changes)
	@$(PYTHON) scripts/install.py

run: install ## Start everything on this machine, with a stand-in for Marketing Cloud
	@exec $(BIN)/python -m scripts.run $(ARGS)

manage: install ## A command of manage.py with the settings of `make run`
	@exec $(BIN)/python -m scripts.manage $(ARGS)

test: install ## Run every test, on real servers and a real browser
	@exec $(BIN)/python -m scripts.test $(ARGS)

image: install ## Build the image and try a whole deployment in containers; needs Docker
	@exec $(BIN)/python -m scripts.image

one-click: install ## Ask an address for one-click unsubscribes, as the field does: URL=...
	@exec $(BIN)/python -m scripts.one_click $(URL)

screenshots: install ## Take pictures of every page, in four languages, into var/screenshots
	@exec $(BIN)/python -m scripts.screenshots $(ARGS)

chaos: install ## Kill everything in turn under load and reconcile: DURATION=600 SEED=7
	@exec $(BIN)/python -m tests.chaos $(or $(DURATION),120) $(SEED)

bench: install ## Measure the admin over a million requests
	@exec $(BIN)/python -m scripts.bench_admin $(ARGS)

bench-queue: install ## Measure holding and releasing a queue of 300,000 requests
	@exec $(BIN)/python -m scripts.bench_queue $(ARGS)

bench-centre: install ## Measure the profile centre over a slow Marketing Cloud
	@exec $(BIN)/python -m scripts.bench_centre $(ARGS)

mutants: install ## Break outcomes and retry on purpose, and see that the tests notice
	@exec $(BIN)/python -m scripts.mutants $(ARGS)

check: install ## Lint, types, directions, templates, deployment settings, migrations, locks
	@exec $(BIN)/python -m scripts.check $(ARGS)

format: install ## Put code and templates into shape
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix . && \
	$(BIN)/djade --target-version 5.2 $$(find templates unsub -name '*.html')

lock: install ## Write the locks anew from requirements/*.in
	@exec $(BIN)/python -m scripts.lock $(ARGS)

clean: ## Remove what can be made again, .venv and the data of `make run` included
	rm -rf .venv var staticfiles .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
