# make run, make test, make bench: each does its own set-up, in this folder.  make run has a virtual environment of its own,
# because what it runs is compiled where that can be done, and what is tested is the sources.

SHELL := /bin/bash
VENV := .venv
RUN := .venv-run
SOURCES := $(shell find twsip twisted -name '*.py') setup.py pyproject.toml
export TWSIP_VAR ?= var
export TWSIP_PORT ?= 5060

.PHONY: help installed run test peers style types cover budget bench bench-quick clean

help:
	@echo "make run    install into $(RUN), compiled if possible, make two subscribers, run the example site on 127.0.0.1:$(TWSIP_PORT)"
	@echo "make test   install what the tests need, run them all"
	@echo "make bench  one table of speeds (make bench-quick: the same in two minutes)"
	@echo "make budget does a path cost more than it did? (bench/README.md)"
	@echo "make style types cover clean"

%/made: .ci/venv
	@.ci/venv $*
	@touch $@

# A normal install, made anew when a source changed: an editable one would hide twisted/plugins from twistd.
# build/ would keep modules that are gone, so it never outlives an install.
INSTALL = rm -rf build && TWSIP_COMPILE=0 $(VENV)/bin/pip install --quiet --disable-pip-version-check

$(VENV)/tested: $(VENV)/made $(SOURCES)
	@$(INSTALL) '.[dev]' && rm -rf build twsip.egg-info
	@touch $@

installed: $(RUN)/made
	@.ci/install $(RUN)

run: installed
	@$(RUN)/bin/python etc/first_run.py $(TWSIP_VAR)
	@exec $(RUN)/bin/twistd --nodaemon --pidfile= twsip --site etc/twsip.tac

test: $(VENV)/tested peers
	@$(VENV)/bin/python -m pytest $(PYTEST)

peers:
	@.ci/peers

style: $(VENV)/tested
	@$(VENV)/bin/ruff check .

types: $(VENV)/tested
	@$(VENV)/bin/mypy --strict twsip/sip twsip/guard twsip/api
	@$(VENV)/bin/mypy twsip

# Lines and branches of the cellar, by its own tests and those of the rooms that use it.
CELLAR_TESTS := tests/sip tests/guard tests/dns tests/checks tests/handlers tests/ladders
cover: $(VENV)/tested
	@$(VENV)/bin/coverage run --source=twsip/sip,twsip/guard -m pytest $(CELLAR_TESTS)
	@$(VENV)/bin/coverage report --fail-under=99

budget: $(VENV)/tested peers
	@$(VENV)/bin/python bench/budget.py check

# With mypy, for the compiled column.
bench: $(VENV)/tested
	@$(VENV)/bin/python bench/run.py

bench-quick: $(VENV)/tested
	@$(VENV)/bin/python bench/run.py --quick

clean:
	rm -rf $(VENV) $(RUN) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
