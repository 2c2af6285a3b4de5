# make verify                       sets up, builds the sample application's archives and verifies them
# make verify MANIFEST=path.toml    the same for one's own archives
# make test                         sets up and runs the whole test suite
# make quick                        the tests without Docker, network, handlers, the corpus and what is slow
# make docs                         builds the documentation's site into build/site
# make bench                        what checks cost
# make crater                       verifies layers of popular distributions, and compares with what the runtime does
# make crater-apps                  verifies applications that lie built in a folder, and shows what nobody has judged yet
# make crater-outputs               reads what other tools built in public repositories, and compares with SAM's translator
# ARGS="…" is handed on, as in `make test ARGS="-k zip"` or `make verify ARGS="--engine process"`.
#
# make itself exits with 2 whenever a command failed. A pipeline that must tell findings (1) from a wrong request (2)
# or an incomplete run (3) calls .venv/bin/lambda-artifact after `make setup`.

.PHONY: verify test quick lint format docs lock setup sample standin clean crater crater-apps crater-outputs bench
.DEFAULT_GOAL := verify
.DELETE_ON_ERROR:

# Many images set it. Without bytecode, each command here compiles all of the harness: five seconds, not one.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SAMPLE := fixtures/sample/lambda-artifact.toml
# One more than there are processors: many tests wait, for what must not happen above all.
PYTEST := $(BIN)/pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadgroup
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input

verify: $(STAMP) $(if $(MANIFEST),,sample)
	@$(BIN)/lambda-artifact verify --manifest "$(or $(MANIFEST),$(SAMPLE))" $(ARGS)

test: $(STAMP)
	@$(PYTEST) $(ARGS)

quick: $(STAMP)
	@$(PYTEST) -m "not docker and not network and not starts and not corpus and not slow" $(ARGS)

lint: $(STAMP)
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(STAMP)
	@$(BIN)/ruff check --fix-only
	@$(BIN)/ruff format

# Verifies a case of the corpus for each check, whose finding its page shows; needs a CPython 3.12 as `make verify` does.
docs: $(STAMP)
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet $(ARGS)

# Keeps the versions that are locked; ARGS=--upgrade takes the newest. No address of an index gets into the file, so
# that everybody's own pip configuration decides where packages come from.
lock: $(STAMP)
	@$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
		--no-strip-extras --no-config --no-emit-index-url --custom-compile-command "make lock" --quiet \
		--output-file requirements-dev.lock $(ARGS)

sample: $(STAMP)
	@$(BIN)/python -m fixtures.build > /dev/null

standin: $(STAMP)
	@$(BIN)/python -m fixtures.standin $(ARGS)

setup: $(STAMP)
	@:

clean:
	@rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# Which Python: $PYTHON where it is set, else the first that runs, tells a version from 3.11 on and can make a virtual
# environment. A name on the PATH is no proof: version managers put scripts there that only say that they cannot.
PROBE := import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))

define FIND_PYTHON
for candidate in "$$PYTHON" python3 python3.14 python3.13 python3.12 python3.11 \
	"$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.1[1-9]*/bin/python3 \
	"$$HOME"/.local/share/uv/python/cpython-3.1[1-9]*/bin/python3 /usr/local/bin/python3 /usr/bin/python3; do \
	if [ -n "$$candidate" ] && "$$candidate" -c '$(PROBE)' > /dev/null 2>&1; then python=$$candidate; break; fi; \
done
endef

$(STAMP): pyproject.toml requirements-dev.lock
	@set -e; \
	if ! $(BIN)/python -c 'import pip; $(PROBE)' > /dev/null 2>&1; then \
		python=; $(FIND_PYTHON); \
		if [ -z "$$python" ]; then \
			echo "No Python from 3.11 on with venv was found: install one (on Debian: python3 and python3-venv)," \
				"or name it, as in make PYTHON=/path/to/python3." >&2; \
			exit 1; \
		fi; \
		echo "Setting up $(VENV) with $$("$$python" --version) (once)" >&2; \
		"$$python" -m venv --clear $(VENV); \
	fi
	@# Older pips refuse the hashes of what some require with an extra, and others without.
	@sed -n '/^pip==/,/^ *# via/p' requirements-dev.lock > $(VENV)/pip.txt
	@$(PIP) install --require-hashes --requirement $(VENV)/pip.txt
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@$(PIP) install --no-deps --editable .
	@touch $@

# Writes benchmarks/results.md; takes a quarter of an hour on two cores that have nothing else to do. The first run builds
# layers and installs a peer, with the network. ARGS="--only static-50 --runs 3" for a part.
bench: $(STAMP)
	@$(BIN)/python -m benchmarks $(ARGS)

# The first run builds some 165 layers, with the network and for most of an hour; ARGS="--only numpy pandas" for a few.
crater: $(STAMP)
	@$(BIN)/python -m benchmarks.crater $(ARGS)

# ARGS="--folder DIR" names the folder, ARGS="--engine process" starts the functions, too; docs/crater-apps.md says more.
crater-apps: $(STAMP)
	@$(BIN)/python -m benchmarks.crater_apps $(ARGS)

# Needs the repositories of benchmarks/crater_outputs/outputs.txt: ARGS="--folder DIR" names the folder that has them.
crater-outputs: $(STAMP)
	@$(BIN)/python -m benchmarks.crater_outputs $(ARGS)
