# Each command sets up what it needs in .venv, from constraints.txt; nothing is installed anywhere else.

PYTHON ?= python3
DATASET ?= digits
DATA ?=
OUTPUT ?= build/demo-$(DATASET)

BIN := .venv/bin
READY := .venv/.ready
PEERS := .venv-peers/.ready
NODE := build/node/.ready
OLD_RUNTIME := build/old-runtime/.ready
PACKAGERS := build/packagers/.ready
LIGHTNING := build/lightning/.ready
BROWSER := build/browser/.ready
AARCH64 := build/aarch64/.ready
HEADER := build/header/.ready
WHEELS := x86-64 aarch64

.DEFAULT_GOAL := help
.PHONY: help demo web test test-full check bench peers node browser old-runtime packagers lightning aarch64 wheel clean

help:
	@echo "make demo        train on real images, export, build, verify, and show a summary (DATASET=digits|mnist, DATA=folder)"
	@echo "make web         the page that reads drawn digits, in build/web (examples/web)"
	@echo "make test        checks and tests, in a few minutes; what needs a program that is not installed is skipped by name"
	@echo "make test-full   checks and every test: all combinations, more random examples"
	@echo "make check       formatting, lint and types"
	@echo "make bench       every benchmark, the short way"
	@echo "make peers       other projects' packages, in .venv-peers, for benchmarks/cpu_vs_peers.py"
	@echo "make node        ONNX Runtime for node and for the web, and TypeScript, in build/node, for tests"
	@echo "make browser     Playwright, in build/browser, for tests that drive Debian's Chromium"
	@echo "make old-runtime ONNX Runtime 1.17, in build/old-runtime, for tests/onnx_model/test_old_runtime.py"
	@echo "make packagers   PlatformIO, ESP-IDF's component manager, Kconfig, CMake: for tests/artifact/test_packagers.py"
	@echo "make lightning   PyTorch Lightning, in build/lightning, for tests/nn/test_training_loops.py"
	@echo "make aarch64     ONNX Runtime for aarch64, in build/aarch64, for tests/custom_ops/test_aarch64.py (Debian, QEMU)"
	@echo "make header      ONNX Runtime's C header, in build/header, for tests/custom_ops/test_abi.py (Debian)"
	@echo "make wheel       wheels in dist/ with the ONNX Runtime library, for Linux on x86-64 and aarch64"
	@echo "make check-wheel the wheel for this machine in an environment of its own: a model, and the demo"
	@echo "make clean       remove what these commands made"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "lgn-edge needs Python 3.11 or newer; run: make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "installing into .venv: PyTorch, TVM, ONNX Runtime and others, some minutes the first time"
	@$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@echo "installed"
	@touch $@

demo: $(READY)
	$(BIN)/lgn-edge demo --dataset $(DATASET) $(if $(DATA),--data $(DATA)) --output $(OUTPUT)

# Files stay together as far as they can, so that what their tests share is built once.
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses=8 --dist=worksteal -rfEs --no-fold-skipped

test: check
	$(PYTEST) -m "not exhaustive"

test-full: check
	$(PYTEST) --hypothesis-profile=full

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(READY)
	@for script in benchmarks/[a-z]*.py; do $(BIN)/python $$script --quick || exit 1; done

# difflogic is installed without its CUDA extension: what its setup.py imports for that builds nothing.
$(PEERS): benchmarks/peers-constraints.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -c $< setuptools numpy torch emlearn scikit-learn
	PYTHONPATH="$(CURDIR)/benchmarks/peers/without_cuda" .venv-peers/bin/python -m pip install --quiet \
	    --disable-pip-version-check --no-deps --no-build-isolation -c $< difflogic torchlogix
	@touch $@

peers: $(PEERS)
	@.venv-peers/bin/python benchmarks/peers/packages.py

# One for each architecture; the library does not stay where the next installation from here would take it.
wheel: $(READY)
	rm -rf dist
	@for target in $(WHEELS); do \
	    rm -rf build/prebuilt && \
	    $(BIN)/python -m lgn_edge.onnx_library build/prebuilt $$target && \
	    $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist . || exit 1; done
	rm -rf build/prebuilt

check-wheel: wheel
	$(BIN)/python tests/check_wheel.py dist/*_$$(uname -m).whl build/check-wheel

$(NODE): tests/onnx_model/node/package.json
	mkdir -p build/node
	cp $< build/node/
	npm install --prefix build/node --ignore-scripts --no-audit --no-fund --no-package-lock
	@touch $@

node: $(NODE)

$(OLD_RUNTIME): tests/onnx_model/old_runtime/requirements.txt | $(READY)
	$(BIN)/python -m venv build/old-runtime
	build/old-runtime/bin/python -m pip install --quiet -r $<
	@touch $@

old-runtime: $(OLD_RUNTIME)

$(AARCH64): tests/custom_ops/aarch64/install.sh tests/debian.sh constraints.txt | $(READY)
	$< build/aarch64 $(BIN)/python
	@touch $@

aarch64: $(AARCH64)

$(HEADER): tests/debian.sh
	$< build/header trixie amd64 libonnxruntime-dev
	@touch $@

header: $(HEADER)

$(PACKAGERS): tests/artifact/packagers.txt
	$(PYTHON) -m venv build/packagers
	build/packagers/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

packagers: $(PACKAGERS)

$(LIGHTNING): tests/nn/lightning.txt | $(READY)
	rm -rf build/lightning
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target build/lightning -r $<
	@touch $@

lightning: $(LIGHTNING)

$(BROWSER): tests/browser.txt | $(READY)
	rm -rf build/browser
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --target build/browser -r $<
	@touch $@

browser: $(BROWSER)

web: $(READY)
	$(BIN)/python examples/web/build.py

clean:
	rm -rf .venv .venv-peers build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
