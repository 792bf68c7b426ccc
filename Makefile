# make sweep   sets up when needed, then searches for the fastest llama.cpp configuration of this machine
# make test    sets up when needed, then checks and tests
# make published   fetches the published weights of the catalogue; ACCEPT=gemma accepts Gemma's terms and fetches it too
# make test-published  the tests that need them, which it fetches first
# make test-torch  also installs torch, then runs the tests that need it
# Variables: PYTHON=python3.12   ARGS='model=path/to/f16.gguf budget=quick'   CMAKE_ARGS=-DGGML_CUDA=on

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.set-up
TORCH_STAMP := $(VENV)/.set-up-torch
ARGS ?=

# llama.cpp is compiled here, for the GPU where there is one and the CUDA compiler too. Its AMX kernels are left out: built
# by gcc they end with an illegal instruction (llama.cpp pull request 26954: the tile configuration is optimised away).
CUDA_ARGS := $(shell command -v nvcc >/dev/null && nvidia-smi -L 2>/dev/null | grep -q '^GPU' && echo -DGGML_CUDA=on)
AMX_ARGS := $(shell grep -qsw amx_int8 /proc/cpuinfo && echo -DCMAKE_C_FLAGS=-mno-amx-int8 -DCMAKE_CXX_FLAGS=-mno-amx-int8)
CMAKE_ARGS ?= $(strip $(CUDA_ARGS) $(AMX_ARGS))
export CMAKE_ARGS
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# pip's cache does not know what a package was built with.
LLAMA_CPP := $(shell sed -n 's/^llm = \["\(llama-cpp-python==[0-9.]*\)".*/\1/p' pyproject.toml)

.PHONY: help setup sweep published test test-published test-torch check format ui clean

help:
	@sed -n 's/^# \(make\|Var\)/\1/p' Makefile

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "error: $(PYTHON) is missing or older than Python 3.11" >&2; \
	    echo "hint: install Python 3.11 or newer, or name one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 3; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "error: $(PYTHON) cannot make virtual environments" >&2; \
	    echo "hint: install its venv package, for example: apt install python3-venv" >&2; exit 3; }
	@command -v "$${CXX:-c++}" >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null || \
	  { echo "error: there is no C++ compiler, and llama.cpp is built from source" >&2; \
	    echo "hint: install one, for example: apt install g++, or xcode-select --install" >&2; exit 3; }
	@echo "setting up $(VENV); llama.cpp is compiled, which takes some minutes (4 on 2 cores without CUDA)"
	$(PYTHON) -m venv $(VENV)
	$(if $(CMAKE_ARGS),$(PIP) install --no-cache-dir -c constraints.txt '$(LLAMA_CPP)')
	$(PIP) install -c constraints.txt -e '.[llm,stt,faster-whisper,tts,kokoro,piper,dev]'
	@touch $(STAMP)

sweep: $(STAMP)
	@$(BIN)/python -m tuner sweep llm $(ARGS)

published: $(STAMP)
	@$(BIN)/python -m tuner models fetch all $(if $(ACCEPT),accept=$(ACCEPT))

# Two processes, a file of tests in each: most of the time is waiting for workers and not computing. The order is shuffled,
# always the same way, so that a failure can be repeated; plain `pytest` draws another order each time.
test: check
	$(BIN)/python -m pytest -n 2 --dist loadfile --randomly-seed=2594366521

# On Linux PyPI's torch is the one for CUDA (3 GB with its libraries). Without a GPU this takes a tenth of that:
# PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make test-torch
# Of kokoro only the model's classes are used: its text pipeline needs spaCy, which is left out.
$(TORCH_STAMP): $(STAMP)
	$(PIP) install -c constraints.txt -e '.[shape]'
	$(PIP) install --no-deps kokoro==0.9.4
	@touch $(TORCH_STAMP)

test-torch: $(TORCH_STAMP)
	$(BIN)/python -m pytest -m torch

# The tests look for the weights where the user has them.
test-published: published
	TUNER_CACHE=$${TUNER_CACHE:-$$HOME/.cache/voice-stack-tuner} $(BIN)/python -m pytest -m published

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

ui: $(STAMP)
	@$(BIN)/python -m tuner ui

# Studies (outputs/) and mlflow.db are results: they stay.
clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
