# Two commands on a bare machine (Python 3.11+ and make): `make demo`, `make test`.
PYTHON ?= python3
BIN := .venv/bin
BUILT := .venv/.built
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

# The suite starts hundreds of Pythons: without bytecode beside the sources each of them compiles what it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test serve cluster check bench format lint types imports lock clean

demo: $(BUILT) ## The main job, end to end, unattended
	@$(BIN)/python -m examples.demo

test: $(BUILT) ## The whole suite, on two cores where there are two (.venv/bin/pytest alone: one after the other)
	@$(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

cluster: $(BUILT) ## The whole installation on this machine, and what it does when parts die (CASES=200: again and again)
	@$(BIN)/python -m examples.cluster $(if $(CASES),--cases $(CASES))

serve: $(BUILT) ## The service on http://127.0.0.1:8000
	@$(BIN)/onboard serve

check: $(BUILT) format lint types imports test ## What CI runs

bench: $(BUILT) ## The benchmarks, side by side
	@$(BIN)/python -m benchmarks

format: $(BUILT)
	@$(BIN)/ruff format --check --quiet .

lint: $(BUILT)
	@$(BIN)/ruff check --quiet .

types: $(BUILT)
	@$(BIN)/mypy

imports: $(BUILT)
	@$(BIN)/lint-imports

lock: $(BUILT) ## Resolve the dependencies anew
	@$(BIN)/uv pip compile --quiet pyproject.toml --group dev --all-extras --universal --generate-hashes --no-header --no-annotate --upgrade -o requirements.lock

clean:
	@rm -rf .venv var

# Built from the lock, by hash. uv (itself in the lock) installs in seconds; where it cannot, pip does the same slowly.
$(BUILT): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (set PYTHON=...)"; exit 1; }
	@echo "Building .venv from requirements.lock (about 220 packages, once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.txt
	@test -x $(BIN)/uv || $(PIP) -r .venv/uv.txt || echo "uv cannot be had here; pip takes longer ..."
	@(test -x $(BIN)/uv && UV_SYSTEM_CERTS=1 $(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock) \
	  || $(PIP) -r requirements.lock
	@(test -x $(BIN)/uv && $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --offline -e .) \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(BUILT)
	@echo "Built."
