# The same commands for people and CI. Needs python3 (3.11 to 3.13, with venv), make, and a package index.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Containers often forbid bytecode. Without it, hundreds of processes would compile edge-cls and its tests again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check lint docs test-tensorflow test-slow test-bad-input test-mediapipe test-camera test-systemd test-lowest table \
  clean

demo: $(VENV)/.train  ## the whole workflow on included images; all files are in demo-out/
	$(BIN)/edge-cls demo --out demo-out

test: $(VENV)/.ready  ## the fast tests
	$(BIN)/pytest -n auto -m "not tensorflow and not bad_input and not mediapipe and not slow and not camera and not systemd"

check: lint test  ## before every commit

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/prose_count.py edge_cls tools

docs: $(VENV)/.ready  ## the documentation, into build/docs; a broken link or an unknown reference is an error
	$(BIN)/sphinx-build --fail-on-warning --keep-going --nitpicky --fresh-env --quiet docs build/docs

test-tensorflow: $(VENV)/.ready  ## the tests that train and convert models
	$(BIN)/pytest -m tensorflow

test-slow: $(VENV)/.ready  ## the exhaustive versions of tests that the fast tests sample, and all examples of properties
	$(BIN)/pytest -m "slow or hypothesis"

test-bad-input: $(VENV)/.ready  ## hundreds of damaged, malicious and invalid files through every command
	$(BIN)/pytest -m bad_input

test-systemd: $(VENV)/.ready  ## the service in a container with a real systemd; needs root, otherwise skipped with a reason
	$(BIN)/pytest -m systemd

test-mediapipe: $(VENV)/.ready $(VENV)-mediapipe/.ready  ## our models in MediaPipe
	MEDIAPIPE_PYTHON=$(VENV)-mediapipe/bin/python $(BIN)/pytest -m mediapipe

test-camera: $(VENV)/.ready  ## the real Picamera2 on a virtual camera; needs root, a Debian mirror and ../shared/testbed
	$(BIN)/pytest tests/lanes/test_camera.py -m camera -s

# MediaPipe's OpenCV and ours cannot be installed in the same environment.
$(VENV)-mediapipe/.ready:
	$(PYTHON) -m venv $(VENV)-mediapipe
	$(VENV)-mediapipe/bin/pip install --quiet 'mediapipe>=1.2'
	touch $@

test-lowest:  ## all tests with the lowest version of every dependency that pyproject.toml allows
	$(PYTHON) -m venv --clear $(VENV)-lowest
	$(VENV)-lowest/bin/pip install --quiet uv
	$(VENV)-lowest/bin/uv pip install --quiet --python $(VENV)-lowest/bin/python --resolution lowest-direct \
	  -e '.[keras]' 'pytest>=8.2' 'hypothesis>=6.136' 'jax>=0.7' 'gpiozero>=2.0.1' 'faiss-cpu>=1.9'
	$(VENV)-lowest/bin/pytest

table: $(VENV)/.ready  ## the accuracy table of the README: make table DATA="FOLDER..." BACKBONES="builtin FILE..." OPTIONS=...
	$(BIN)/python tools/benchmarks/accuracy_table.py $(DATA) $(addprefix --backbone ,$(BACKBONES)) $(OPTIONS)

# The demo needs no TensorFlow, which is most of what the other targets install.
$(VENV)/.train: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet -e '.[train]'
	touch $@

$(VENV)/.ready: $(VENV)/.train
	$(BIN)/pip install --quiet -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) $(VENV)-lowest $(VENV)-mediapipe demo-out
