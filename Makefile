# The development commands; `make` alone lists them. CONTRIBUTING.md says more.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# The first interpreter here that is new enough; say PYTHON=… to choose another.
PYTHON ?= $(firstword $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name; done))
# uv takes seconds, if it is here and finds the packages; pip says a line for each package that it fetches.
SHOWN_INSTALL = { command -v uv >/dev/null && uv pip install --python $(BIN)/python $(1); } || $(BIN)/python -m pip \
	--disable-pip-version-check --no-input install $(1) | sed -un 's/^Collecting \([^ ;(]*\).*/  \1/p; s/^Installing.*/  installing …/p'
PIP_INSTALL = $(BIN)/python -m pip --disable-pip-version-check install --quiet
COMPILE = uv pip compile --no-config --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command 'make lock'
EVERYTHING = pyproject.toml requirements/build.in --extra client --extra server --extra agent
AS_IN_DEV = --constraints requirements/dev.lock

.PHONY: help demo test check fmt bench fuzz dist console site picture lock clean

help: ## List the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 14

demo: $(VENV)/.demo $(if $(SERVERS),$(VENV)/.several-servers) ## Start a server and an agent for this machine, and a shell to try them in; leave nothing behind. `make demo SERVERS=3` starts three
	@$(BIN)/python packaging/console.py 2>/dev/null || echo "The web console could not be built (make console says why); all else works."
	@$(BIN)/ferryman demo $(if $(SERVERS),--servers $(SERVERS))

# Four processes more than there are processors, because many tests wait for other processes. Tests of one module run in
# one process, so that they can share what the module starts. The programs that they start read compiled modules, also
# where the environment asks Python to write none.
test check-rest: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.dev console ## Run every test
	$(BIN)/pytest --numprocesses $$(($$(nproc) + 4)) --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev ## Formatting, lint, types, import rules, documentation
	@$(MAKE) --no-print-directory --jobs --output-sync check-types check-console check-rest

.PHONY: check-types check-console check-rest
check-types:
	$(BIN)/mypy

check-console: $(BIN)/python
	$(BIN)/python packaging/console.py --check

check-rest:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pytest tests/docs

fmt: $(VENV)/.dev ## Format, and fix what lint can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## Run the benchmarks and the programs they are compared with; prints a table, writes JSON to benchmarks/results/
	$(BIN)/python -m benchmarks

# bash has a SECONDS variable of its own, which counts up. make substitutes this one before bash runs, so they do not mix.
fuzz: $(VENV)/.dev ## Fuzz every parser of foreign bytes: `make fuzz SECONDS=60` seconds each; TARGETS="wire policy" for some only
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS) $(TARGETS)
SECONDS := 20

dist: build/tools/.installed console ## Build the files of a release into dist/, with SHA256SUMS: `make dist URL=https://…/ferryman`
	$(if $(URL),FERRYMAN_PROJECT_URL=$(URL)) build/tools/bin/python packaging/dist.py

build/tools/.installed: requirements/dist.lock
	@command -v objdump >/dev/null || { echo "make dist needs objdump: install binutils"; exit 1; }
	$(PYTHON) -m venv --clear build/tools
	build/tools/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --requirement $<
	@touch $@

console: $(BIN)/python ## Build the web console, unless nothing has changed; fetches Node.js from PyPI where it is missing
	@$(BIN)/python packaging/console.py

site: build/docs/.installed build/docs/mermaid.min.js ## Build the documentation site into build/site/; links that lead nowhere fail
	build/docs/bin/python docs/tools/site.py

build/docs/.installed: requirements/docs.lock
	$(PYTHON) -m venv --clear build/docs
	build/docs/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --requirement $<
	@touch $@

# What draws diagrams in the reader's browser; the site has a copy, so that no other host is asked.
MERMAID := mermaid-11.17.2.tgz
MERMAID_SHA256 := 6ad2f42c3fc26bbf9e45cbb6d11898972573ea52b33a5f4ff51952899f950ffd
build/docs/mermaid.min.js: build/docs/.installed
	@command -v npm >/dev/null || { echo "make site needs npm, which fetches Mermaid: install npm"; exit 1; }
	npm pack --silent --pack-destination build/docs mermaid@$(MERMAID:mermaid-%.tgz=%)
	echo "$(MERMAID_SHA256)  build/docs/$(MERMAID)" | sha256sum --check --quiet
	tar --extract --gzip --to-stdout --file build/docs/$(MERMAID) package/dist/mermaid.min.js > $@

picture: build/docs/.installed $(VENV)/.demo ## Draw docs/pictures/session.svg again, from a real session
	build/docs/bin/python docs/tools/picture.py $(BIN)/ferryman docs/pictures/session.svg

lock: ## Pin the newest versions again (needs uv); `make lock UPGRADE=` keeps what is pinned
	$(COMPILE) $(EVERYTHING) $(UPGRADE) --group dev --output-file requirements/dev.lock
	$(COMPILE) $(EVERYTHING) $(AS_IN_DEV) --group demo --output-file requirements/demo.lock
	$(COMPILE) pyproject.toml $(AS_IN_DEV) --extra agent --output-file requirements/agent.lock
	$(COMPILE) pyproject.toml $(AS_IN_DEV) --extra several-servers --output-file requirements/several-servers.lock
	$(COMPILE) pyproject.toml $(AS_IN_DEV) --extra client --output-file requirements/client.lock
	$(COMPILE) $(AS_IN_DEV) $(UPGRADE) --group dist --output-file requirements/dist.lock
	$(COMPILE) $(AS_IN_DEV) $(UPGRADE) --group newest --output-file requirements/newest.lock
	$(COMPILE) --constraints requirements/newest.lock --group install --output-file requirements/install.lock
	$(COMPILE) $(AS_IN_DEV) $(UPGRADE) --group console --output-file requirements/console.lock
	$(COMPILE) $(AS_IN_DEV) $(UPGRADE) --group docs --output-file requirements/docs.lock
UPGRADE ?= --upgrade

clean: ## Remove everything that these commands created
	rm -rf $(VENV) build dist console/node_modules src/ferryman/console/static .demo .fuzz benchmarks/results .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Ferryman needs Python 3.11 or newer and found none. Install it, or name one: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The dev lock pins everything in the demo lock at the same versions, so one environment serves both.
$(VENV)/.demo: requirements/demo.lock pyproject.toml | $(BIN)/python
	@echo "Installing what Ferryman needs into $(VENV), this first time only:"
	@$(call SHOWN_INSTALL,--require-hashes --requirement requirements/demo.lock)
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.several-servers: requirements/several-servers.lock $(VENV)/.demo
	@$(call SHOWN_INSTALL,--require-hashes --requirement $<)
	@touch $@

$(VENV)/.dev: requirements/dev.lock pyproject.toml | $(BIN)/python
	$(PIP_INSTALL) --require-hashes --requirement requirements/install.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirement requirements/dev.lock || \
		$(PIP_INSTALL) --require-hashes --requirement requirements/dev.lock # pip knows indexes that uv does not
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@ $(VENV)/.demo $(VENV)/.several-servers
