# make book       the book on the planted-mini data set: environment, data, runs, notebooks, site
# make book DATA=ave DATA_DIR=/where/the/AVE/files/are PROFILE=full
# make book FRESH=1                the runs of the tables trained here, not taken from those that come with the book
# make book FRESH=1 TABLES=III     only those of Table III
# make test       every test and every notebook, in two processes (WORKERS=4: in four)
# make lab        Jupyter Lab on the notebooks
# make notebooks  the committed notebooks, executed again (NB="03 05": only these)
# make print      the built book as one PDF
# make clean      removes the built book
SHELL := /bin/bash
PYTHON ?= $(firstword $(foreach v,3.11 3.12 3.13,$(shell python$v -c 'print("python$v")' 2>/dev/null)))
DATA ?= planted-mini
PROFILE ?= quick
NB ?=
WORKERS ?= 2
FRESH ?=
TABLES ?= all
BIN := .venv/bin
READY := .venv/.installed
ifdef DATA_DIR
export VSCG_AVE_DIR := $(if $(filter /% ~%,$(firstword $(DATA_DIR))),,$(CURDIR)/)$(DATA_DIR)
endif
# The package sets this too (`set_up` in vscg/machine/device.py), but a notebook or a test that imports torch first has
# it from here.
export OMP_WAIT_POLICY ?= passive
MAKEFLAGS += --no-print-directory
.PHONY: book test lab notebooks print clean
.NOTPARALLEL:

book: $(READY)
	@test -t 2 || export TQDM_MININTERVAL=$${TQDM_MININTERVAL:-30}; \
	$(BIN)/python book/build.py --data "$(DATA)" --profile "$(PROFILE)" --tables "$(TABLES)" $(if $(filter-out 0,$(FRESH)),--fresh)

test: $(READY)
	@OMP_NUM_THREADS=1 env -u TQDM_MININTERVAL -u TQDM_DISABLE $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder tests notebooks

lab: $(READY)
	@$(BIN)/jupyter lab

notebooks: $(READY)
	@$(BIN)/python book/execute.py $(NB)

print: $(READY)
	@$(BIN)/python book/print_book.py

clean:
	@rm -rf book/_build book/_run book/notebooks book/status.md

$(READY): requirements.lock pyproject.toml
	@echo "First the environment: the locked versions go into .venv, in about three minutes. Then the book, about five."; \
	test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 was found: PYTHON=/path/to/one names it." >&2; exit 1; }; \
	start=$$SECONDS; export PIP_USER=0; \
	test -x $(BIN)/python || $(PYTHON) -m venv .venv && \
	$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements.lock && \
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e . && \
	touch $@ && echo "environment: $$((SECONDS - start)) s"
