# Two commands are enough: `make demo` and `make test`. Both install what they need into .venv.
# `make check` is for use before each commit, `make test-all` before a release.

PYTHON ?= python3
VENV ?= .venv
TFIO_VENV ?= .venv-tfio
TEST_WORKERS ?= 2

PYTEST = $(VENV)/bin/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: demo systems ablation check test test-all test-tfio lint format clean

# The pretrained system on the bundled audio; with FROM_SCRATCH=1 a tiny system, from random weights.
ifdef FROM_SCRATCH
DEMO = --gin_file=gin/tiny.gin --baseline --run_dir=runs/demo_from_scratch
else
DEMO = --gin_file=gin/notes.gin --gin_file=gin/piano.gin --gin_file=gin/finetune.gin \
    --init_from=piano_notes --maestro_csv=data_prep/sample_audio/splits.csv \
    --run_dir=runs/demo
endif

demo: $(VENV)/notes
	$(VENV)/bin/python -m ada.pipeline --gin_file=gin/systems/hop64_vqvae.gin $(DEMO)

systems: $(VENV)/dev
	$(VENV)/bin/python -m tools.systems --gin_file=gin/tiny.gin --run_dir=runs/systems

ablation: $(VENV)/dev
	$(VENV)/bin/python -m tools.ablation --run_dir=runs/ablation

# Before a commit: style, and unit tests of the model and of audio. Under a minute.
check: lint
	$(PYTEST) --ignore=tests/models/test_recomputation.py \
	    tests/layers tests/quantizers tests/models tests/audio

# Everything that proves behaviour.
test: $(VENV)/dev
	$(PYTEST) -m "not long" --durations=25 tests

# Before a release: also what takes minutes each, and tensorflow-io.
test-all: $(VENV)/dev test-tfio
	$(PYTEST) --durations=25 tests

# tensorflow-io's last release works with TensorFlow 2.17 only: it is tested in a stack of its own.
test-tfio: $(TFIO_VENV)/installed
	$(TFIO_VENV)/bin/python -m pytest tests/tfio tests/audio

lint: $(VENV)/dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports --no-cache
	git grep -nIiE -f tools/banned_words.txt -- '*.py' '*.md' '*.gin' ':!CHANGELOG.md'; test $$? = 1

format: $(VENV)/dev
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

clean:
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache

$(VENV)/core: setup.py
	@echo "Installing TensorFlow and what else is needed into $(VENV): about 2 GB, some minutes."
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --editable .
	touch $@

$(VENV)/notes: $(VENV)/core
	$(VENV)/bin/pip install --quiet --editable '.[notes]'
	$(VENV)/bin/pip install --quiet --no-deps basic-pitch==0.4.0  # it asks for an old TensorFlow
	touch $@

$(VENV)/dev: $(VENV)/notes
	$(VENV)/bin/pip install --quiet --editable '.[beam,eval,listen,pbt,play,scores,dev]'
	$(VENV)/bin/pip install --quiet --no-deps musicnn==0.1.0  # its requirements are of 2019
	touch $@

$(TFIO_VENV)/installed: setup.py
	$(PYTHON) -m venv $(TFIO_VENV)
	$(TFIO_VENV)/bin/pip install --quiet --editable '.[tfio]' pytest hypothesis
	touch $@
