# The tasks of this project. `make` alone lists them.
# ARGS passes options on: make test ARGS="-k one_click", make lock ARGS=--upgrade.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=
DURATION ?=
SEED ?=
VERSION ?=

.DEFAULT_GOAL := help
.PHONY: help install run manage test coverage image one-click screenshots chaos bench bench-admin bench-backlog bench-centre \
	bench-delivery bench-idle bench-machines bench-memory bench-queue bench-restart bench-scale bench-web mutants check fuzz docs sbom \
	flame lock pin-images release format clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## Create .venv from the hashed locks (once, and again when a lock changes)
	@$(PYTHON) scripts/install.py

run: install ## Start everything on this machine, with a stand-in for Marketing Cloud; ARGS=--empty: without sample data
	@exec $(BIN)/python -m scripts.run $(ARGS)

manage: install ## Run a command of manage.py with the settings of `make run`
	@exec $(BIN)/python -m scripts.manage $(ARGS)

test: install ## Run every test, on real servers and a real browser
	@exec $(BIN)/python -m scripts.test $(ARGS)

coverage: install ## Run the tests of the packages and print their branch coverage
	@exec $(BIN)/python -m scripts.coverage $(ARGS)

image: install ## Build the image and test a whole deployment in containers; needs Docker
	@exec $(BIN)/python -m scripts.image

one-click: install ## Send one-click unsubscribes as mailbox providers do: URL=...
	@exec $(BIN)/python -m scripts.one_click $(URL)

screenshots: install ## Take pictures of every page into var/screenshots; ARGS=docs: those of the documents
	@exec $(BIN)/python -m scripts.screenshots $(ARGS)

chaos: install ## Kill every process in turn under load and reconcile: DURATION=600 SEED=7 POOLER=yes
	@exec $(BIN)/python -m tests.chaos $(if $(POOLER),--pooler=$(POOLER)) $(or $(DURATION),120) $(SEED)

bench: install ## Measure all targets of speed, each against its floor, in one table (needs wrk)
	@exec $(BIN)/python -m scripts.bench $(ARGS)

bench-admin: install ## Measure the admin over a million requests
	@exec $(BIN)/python -m scripts.bench_admin $(ARGS)

bench-web: install ## Measure the recipients' paths against bare Django views (needs wrk)
	@exec $(BIN)/python -m scripts.bench_web $(ARGS)

flame: install ## Draw where the CPU of a one-click and of a page goes (needs wrk and py-spy)
	@exec $(BIN)/python -m scripts.flame $(ARGS)

bench-queue: install ## Measure holding and releasing a queue of 300,000 requests
	@exec $(BIN)/python -m scripts.bench_queue $(ARGS)

bench-backlog: install ## Measure every look at, and change of, a queue of a million requests
	@exec $(BIN)/python -m scripts.bench_backlog $(ARGS)

bench-scale: install ## Measure everything over ten thousand, a million and ten million requests: ARGS="10000 1000000"
	@exec $(BIN)/python -m scripts.bench_scale $(ARGS)

bench-delivery: install ## Measure how fast one worker delivers a backlog
	@exec $(BIN)/python -m scripts.bench_delivery $(ARGS)

bench-memory: install ## Watch the memory of a worker, sign_links and export_audit over a million rows
	@exec $(BIN)/python -m scripts.bench_memory $(ARGS)

bench-machines: install ## Measure one, two and four worker machines, in network namespaces (needs root)
	@exec $(BIN)/python -m scripts.bench_machines $(ARGS)

bench-restart: install ## Count requests without an answer during restarts under load (needs wrk, nginx)
	@exec $(BIN)/python -m scripts.bench_restart $(ARGS)

bench-idle: install ## Measure the time from the press to the event in an idle system
	@exec $(BIN)/python -m scripts.bench_idle $(ARGS)

bench-centre: install ## Measure the profile centre over a slow Marketing Cloud
	@exec $(BIN)/python -m scripts.bench_centre $(ARGS)

mutants: install ## Break outcomes and retry on purpose, and check that tests fail
	@exec $(BIN)/python -m scripts.mutants $(ARGS)

check: install ## Linters, types, import rules, templates, deployment settings, migrations, locks
	@exec $(BIN)/python -m scripts.check $(ARGS)

format: install ## Format code and templates
	@$(BIN)/ruff format --quiet . && $(BIN)/ruff check --quiet --fix . && \
	$(BIN)/djade --target-version 5.2 $$(find templates unsub -name '*.html')

lock: install ## Rewrite the locks from requirements/*.in
	@exec $(BIN)/python -m scripts.lock $(ARGS)

pin-images: install ## Pin the images of others to the digests of today; needs Docker and their registry
	@exec $(BIN)/python -m scripts.pin_images

fuzz: install ## Try random input on everything that reads input of others: DURATION=600 SEED=7
	@exec $(BIN)/python -m tests.fuzz $(or $(DURATION),600) $(SEED) $(ARGS)

docs: install ## Build the site of the documents, and check every link in it: var/site
	@exec $(BIN)/python -m scripts.docs

sbom: install ## List what a deployment is made of, with licences and known vulnerabilities, in var/sbom
	@exec $(BIN)/python -m scripts.sbom

release: install ## Commit, tag and pack a version, and push nothing: VERSION=1.2.3 ARGS=--dry-run
	@exec $(BIN)/python -m scripts.release $(VERSION) $(ARGS)

clean: ## Remove generated files, including .venv and the data of `make run`
	rm -rf .venv var staticfiles .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
