# Everything starts here. `make run` and `make test` set up what they need first; a second make does not install again.
# PYTHON, TORCH_INDEX, TORCH_LOCK and SYSTEM_PACKAGES are explained in cluster/setup.sh. ARGS goes to `quorum up` (make run) and to
# pytest (make test): make run ARGS="--port 8001".
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.NOTPARALLEL:

VENV ?= .venv
ARGS ?=
python := $(VENV)/bin/python
ready := $(VENV)/.ready
pytest := $(python) -m pytest
export PYTHON TORCH_INDEX TORCH_LOCK SYSTEM_PACKAGES

.PHONY: help setup run demo cluster-demo check test test-all soak speed speed-check attack faults fuzz wheel audit lock pages notice

help:
	@echo 'make run       set up, start on this machine, read a sample page, serve on port 8000 until Ctrl-C'
	@echo 'make demo      the same, and stop after the sample page'
	@echo 'make cluster-demo  four nodes on this machine, engines on different ones; as root, each node has its own network'
	@echo 'make test      set up, check and test (under 12 minutes on two cores)'
	@echo 'make test-all  make test and the slow tests; make soak: the endurance tests'
	@echo 'make check     ruff, mypy, import-linter'
	@echo 'make speed     measure Quorum and what a user would run instead; make speed-check: find what became slower'
	@echo 'make attack    hostile callers against a service of its own, and what other callers notice'
	@echo 'make faults    everything that can die, stop or run full, alone and in pairs, under load (two hours)'
	@echo 'make fuzz      requests made up at random for every route and format, SECONDS=3600; make audit: known holes in packages, SBOM'
	@echo 'make wheel     build the wheel, and try it in an environment of its own'
	@echo 'make setup     only set up; make lock: write requirements.lock again (UPGRADE=1: with the newest versions)'
	@echo 'make notice    write NOTICE.md again; make pages: draw the sample pages again'

setup: $(ready)

# Programs and files that only tests need; a package of the same name has it, or the one before the sign.
test_programs := chromium redis-server iproute2=ip nginx-light=nginx
for_tests := $(VENV)/.ready-for-tests
$(for_tests): $(ready) Makefile tests/schemas.txt
	@cluster/setup.sh $(VENV) $(test_programs)
	@$(python) -m pip download --quiet --disable-pip-version-check --require-hashes --no-deps --no-binary :all: \
	    --no-build-isolation --dest $(VENV)/test-schemas -r tests/schemas.txt
	@touch $@

# FORCE=1 installs again, whatever the dates of the files say.
$(if $(FORCE),.PHONY: $(ready))
$(ready): requirements.lock pyproject.toml cluster/setup.sh cluster/lock.sh cluster/tesseract-packages.txt
	@cluster/setup.sh $(VENV)

run: $(ready)
	@$(python) -m quorum up $(ARGS)

demo: $(ready)
	@$(python) -m quorum up --demo $(ARGS)

cluster-demo: $(ready)
	@$(python) -m benchmarks.scaling.cluster_demo

check: $(ready)
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy
	$(VENV)/bin/lint-imports

# Several runs, because a unit test must not find a framework that an engine's test has loaded. What is not heavy is spread
# over two processes. A test with several of these marks runs in the last of its runs.
rest := not slow and not soak
test: check $(for_tests)
	$(pytest) $(ARGS) -n 2 -m "not processes and not browser and not engines and not cluster and $(rest)"
	$(pytest) $(ARGS) -n 2 --dist loadfile -m "(processes or browser) and not engines and not cluster and $(rest)"
	$(pytest) $(ARGS) -m "engines and not cluster and $(rest)"
	$(pytest) $(ARGS) -m "cluster and $(rest)"

results := benchmarks/results
record = { echo "commit $$(git rev-parse HEAD), $$(date --utc +%FT%TZ), $$(nproc) cores, $$(uname -sm)"; $(1); } 2>&1 | tee

# Every property once more, with 500 examples instead of 25.
many_examples := $(pytest) $(ARGS) --no-header -o timeout=1800 -n 2 --hypothesis-profile=long \
    -m "hypothesis and not cluster and $(rest)"

# What only slow tests start.
java := /usr/share/java
slow_programs := prometheus poppler-utils=pdftotext qpdf faketime nodejs=node npm default-jre-headless=java \
    libpdfbox2-java=$(java)/preflight.jar libactivation-java=$(java)/javax.activation.jar \
    libjaxb-api-java=$(java)/jaxb-api.jar
test-all: test
	@cluster/setup.sh $(VENV) $(slow_programs)
	@mkdir -p $(results)
	$(call record,$(pytest) $(ARGS) --no-header -m "slow and not soak" && $(many_examples)) $(results)/test-all.txt

soak: $(ready)
	@mkdir -p $(results)
	$(call record,$(pytest) $(ARGS) --no-header -m soak) $(results)/soak.txt

# PAGES="FOLDER...": pages with their truth beside the sample page. BASE=CHECKOUT: an earlier version to compare with, where
# `make setup` was run.
speed: $(ready)
	@$(python) -m benchmarks.speed $(addprefix --pages ,$(PAGES)) $(addprefix --base ,$(BASE))

# One hostile caller after the other, on loopback, and what others meet: benchmarks/results/attack.md. ONLY="WORD...".
attack: $(ready)
	@$(python) -m benchmarks.attack $(addprefix --only ,$(ONLY))

# One fault after the other, and in pairs, on clusters of its own, under load: benchmarks/results/faults.md. ONLY="WORD..." chooses by
# the names of rows. As root, nodes have networks, disks and processors of their own.
faults: $(for_tests)
	@cluster/setup.sh $(VENV) faketime
	@$(python) -m benchmarks.faults $(addprefix --only ,$(ONLY))

# Requests made up at random for every route and format, as long as SECONDS says: benchmarks/inputs/fuzz.py.
SECONDS ?= 3600
fuzz: $(ready)
	@$(python) -m benchmarks.inputs.fuzz --seconds $(SECONDS)

# Ratios against benchmarks/results/speed.json, in less than two minutes.
speed-check: $(ready)
	@$(python) -m benchmarks.speed check

# The wheel of what is committed, tried in an environment of its own. TAG=v0.2.0: the version must be that one.
wheel: $(ready)
	@cluster/release/wheel.sh $(VENV) $(TAG)

# What Quorum is made of (dist/quorum.cdx.json), and known holes of it. Only the second part asks somebody: the advisories of PyPI.
audit: $(ready)
	@mkdir -p dist
	@$(python) -m cluster.release.bill_of_materials > dist/quorum.cdx.json
	@$(python) -m uv tool run pip-audit@2.9.0 --requirement requirements.lock --require-hashes --disable-pip --strict

# The packages of engines on a card: cluster/gpu/README.md.
define lock_card
$(python) -m uv pip compile pyproject.toml cluster/gpu/$(1).in $(addprefix --extra ,serve models $(2)) \
    --constraint requirements.lock --override cluster/gpu/without-cpu-builds.txt \
    --universal --python-version 3.11 --no-annotate --no-header --generate-hashes \
    $(if $(UPGRADE),--upgrade) --quiet --output-file cluster/gpu/$(1).txt
endef

# All extras but that for the environment of OCRmyPDF, where no cluster is; it would bring LGPL packages.
define extras
import tomllib
with open("pyproject.toml", "rb") as file:
    extras = tomllib.load(file)["project"]["optional-dependencies"]
print(*(f"--extra {name}" for name in extras if name != "ocrmypdf"))
endef
export extras

lock: $(ready)
	$(python) -m uv pip compile pyproject.toml $$($(python) -c "$$extras") --universal --no-annotate --no-header --generate-hashes \
	    --python-version 3.11 $(if $(UPGRADE),--upgrade) --quiet --output-file requirements.lock
	$(call lock_card,torch,easyocr trocr)
	$(call lock_card,tensorflow,emnist-cnn)
	$(call lock_card,onnxruntime,paddleocr)
	@echo 'now: make setup && make notice'

notice: $(ready)
	$(python) -m cluster.licence_notice > NOTICE.md.new && mv NOTICE.md.new NOTICE.md

pages: $(ready)
	$(python) examples/make_pages.py
