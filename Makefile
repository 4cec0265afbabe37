# make book       the book on the planted-mini data set: environment, data, runs, notebooks, site
# make book DATA=ave DATA_DIR=/where/the/AVE/files/are PROFILE=full
# make test       every test and every notebook, in two processes (WORKERS=4: in four)
# make lab        Jupyter Lab on the notebooks
# make notebooks  the committed notebooks, executed again (NB="03 05": only these)
# make print      the built book as one PDF
# make clean      removes the built book
SHELL := /bin/bash
PYTHON ?= python3.11
DATA ?= planted-mini
PROFILE ?= quick
NB ?=
WORKERS ?= 2
BIN := .venv/bin
READY := .venv/.installed
ifdef DATA_DIR
export VSCG_AVE_DIR := $(abspath $(DATA_DIR))
endif
# The package sets this too (`set_up` in vscg/machine/device.py), but a notebook or a test that imports torch first has
# it from here.
export OMP_WAIT_POLICY ?= passive
MAKEFLAGS += --no-print-directory
.PHONY: book test lab notebooks print clean
.NOTPARALLEL:

book: $(READY)
	@$(BIN)/python book/build.py --data "$(DATA)" --profile "$(PROFILE)"

test: $(READY)
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile tests notebooks $(wildcard book/_run/planted-mini-quick/1[0-8]_*.ipynb book/_run/planted-mini-quick/20_*.ipynb)

lab: $(READY)
	@$(BIN)/jupyter lab

notebooks: $(READY)
	@$(BIN)/python book/execute.py $(NB)

print: $(READY)
	@$(BIN)/python book/print_book.py

clean:
	@rm -rf book/_build book/_run book/notebooks book/status.md

$(READY): requirements.lock pyproject.toml
	@echo "environment: installing the locked versions into .venv, a few minutes the first time"; start=$$SECONDS; \
	test -x $(BIN)/python || $(PYTHON) -m venv .venv; \
	$(BIN)/python -m pip install -qq --disable-pip-version-check -r requirements.lock && \
	$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e . && \
	touch $@ && echo "environment: $$((SECONDS - start)) s"
