# The front door. Every target is one step; the logic lives in Python.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# These last where .env has them; the shell's and what stands behind make win. (The launcher reads the rest of .env itself.)
LASTING := BASE_MODEL EXECUTOR HF_ENDPOINT HUB_DIR HUB_PORT NAMESPACE PROFILE SEED SOURCE_DATASET UPSTREAM
ifneq ($(wildcard .env),)
lasting = $(shell sed -n "s/^$(1)=[\"']\{0,1\}\([^\"']*\).*/\1/p" .env)
$(foreach name,$(LASTING),$(if $(filter undefined,$(origin $(name))),$(if $(call lasting,$(name)),$(eval $(name) := $(call lasting,$(name))))))
endif
HUB_DIR ?= .hub

# PyPI's torch for Linux brings gigabytes of CUDA: where there is no GPU for it, the one without. TORCH_INDEX= is PyPI's.
ifeq ($(shell uname -s) $(shell command -v nvidia-smi),Linux )
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
endif

PACKAGES := shared[lm] infra/local-hub[docker] $(wildcard infra/launcher infra/starter services/*)
SETUP := $(VENV)/.setup-stamp
HUB := $(BIN)/local-hub
# For what ends or looks: an environment that a changed lock has outdated will do, and nothing is installed first.
ANY_SETUP := $(if $(wildcard $(HUB)),,$(SETUP))
# A file's tests share what is dear to make. Files in their order, not those of many tests first: the heavy ones come before the
# light ones, which even out the end.
# A third goes on where two wait: for a full minute, a job's timeout, a client's patience.
SIDE_BY_SIDE := --dist loadfile --no-loadscope-reorder --numprocesses 3
HUB_OPTIONS := --dir "$(HUB_DIR)" $(if $(HUB_PORT),--port $(HUB_PORT)) $(if $(EXECUTOR),--executor "$(EXECUTOR)") \
	$(if $(UPSTREAM),--upstream "$(UPSTREAM)")
OPTIONS = $(if $(PROFILE),--profile "$(PROFILE)") $(if $(RUN),--run "$(RUN)") $(if $(SEED),--seed "$(SEED)") \
	$(if $(NAMESPACE),--namespace "$(NAMESPACE)") $(if $(SOURCE_DATASET),--source-dataset "$(SOURCE_DATASET)") \
	$(if $(BASE_MODEL),--base-model "$(BASE_MODEL)") $(if $(filter-out 0,$(FORCE)),--force) \
	$(if $(MAX_ATTEMPTS),--max-attempts "$(MAX_ATTEMPTS)") $(if $(BUDGET_USD),--budget-usd "$(BUDGET_USD)")
JOB_OPTIONS = $(if $(JOB),--job "$(JOB)") $(if $(PHASE),--phase "$(PHASE)")
IMAGE_OPTIONS = $(if $(DOCKER),--docker "$(DOCKER)") $(if $(BASE_IMAGE),--base-image "$(BASE_IMAGE)") \
	$(if $(TORCH),--torch "$(TORCH)") $(if $(DOCKER_BUILD_OPTIONS),--options="$(DOCKER_BUILD_OPTIONS)")
AUDIT_OPTIONS = $(if $(OSV_URL),--osv-url "$(OSV_URL)")

ifeq ($(HF_ENDPOINT),)
STARTER := $(HUB_DIR)/.starter-stamp
CLIENT := $(HUB) exec $(HUB_OPTIONS) --
endif

# What is misspelled would be passed over: a budget, for one. The services' settings, and other programs' variables, pass.
VARIABLES := ALL BASELINE BASE_IMAGE BASE_MODEL BUDGET_USD CHAOS DOCKER DOCKER_BUILD_OPTIONS DOCKER_RUN_OPTIONS DRY_RUN EXECUTOR \
	FOLLOW FORCE FORMAT HF_ENDPOINT HF_TOKEN HUB_DIR HUB_PORT IMAGE JOB KEEP_GOING LISTS MAX_ATTEMPTS NAMESPACE PHASE PROFILE PYTHON \
	REPOSITORY_URL RUN RUNS SEED SEEDS SHELL SOURCE_DATASET SUITE TORCH TORCH_INDEX UPGRADE UPSTREAM VENV WORKFLOW \
	SPLIT_% SFT_% GRPO_% EVAL_% REPORT_% GATE_% HF_% LOCAL_HUB_% PIP_% PY% OMP_% CUDA_% TRACKIO_% WANDB_%
GIVEN := $(strip $(foreach name,$(.VARIABLES),$(if $(filter command line,$(origin $(name))),$(name))))
ifneq ($(filter-out $(VARIABLES),$(GIVEN)),)
$(error There is no variable $(firstword $(filter-out $(VARIABLES),$(GIVEN))) (make help lists them). Another program's goes before make: NAME=value make ...)
endif

# Where it is set, each of many short processes would compile the project's own modules anew: a third of the launcher's start.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup split sft grpo eval report all seeds compare hub hub-stop hub-status hub-env manifest results runs \
	doctor cost jobs logs cancel verify gate promote resume summary plan check check-workflows test test-slow test-docker \
	conformance smoke workflow chaos lock audit audit-images images docker-split docker-sft docker-grpo docker-eval docker-report \
	docker-all clean

##@ Run the pipeline (after the colon: the variables that a target takes)
help:  ## show this help
	@awk -F ':.*## ' '/^##@ / {print substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "Variables: NAME=value behind the target; what should last goes into .env (.env.example)"
	@echo "           PROFILE=demo (or smoke, laptop, t4-small, a .toml file)  RUN=<id>  SEED=<n>  FORCE=1  NAMESPACE=<user>"
	@echo "           SOURCE_DATASET=<repo>  BASE_MODEL=<repo>  HUB_DIR=.hub  HUB_PORT=<n>  HF_ENDPOINT=<url>"
	@echo "           EXECUTOR=docker runs the local hub's jobs as containers (default: as processes)"
	@echo "           UPSTREAM=https://huggingface.co from where the local hub fetches what it lacks (its token: LOCAL_HUB_UPSTREAM_TOKEN)"
	@echo "           MAX_ATTEMPTS=<n> jobs a phase, launched again where one is cut off having saved progress (default: profile, 3)"
	@echo "           IMAGE=<image> of the jobs, {service} in it for the service's name; auto: this commit in a public one"
	@echo "           DRY_RUN=1 print the requests that would launch a phase's jobs, and send none"
	@echo "           BUDGET_USD=<n> launch no job that could make the run cost more, and cancel one that is about to (default: no limit)"

setup: $(SETUP)  ## make the virtual environment (once): PYTHON, TORCH_INDEX

split: $(SETUP) $(STARTER)  ## begin a run: split the questions: PROFILE SEED NAMESPACE SOURCE_DATASET BASE_MODEL
sft: $(SETUP) $(STARTER)  ## fine-tune on answers: PROFILE RUN SEED FORCE NAMESPACE
grpo: $(SETUP) $(STARTER)  ## train on rewards: PROFILE RUN SEED FORCE NAMESPACE
eval: $(SETUP) $(STARTER)  ## evaluate base, sft and grpo: PROFILE RUN SEED FORCE NAMESPACE
report: $(SETUP) $(STARTER)  ## write the report of a run, finished or not, into reports/: PROFILE RUN SEED FORCE NAMESPACE
split sft grpo eval report:
	@$(CLIENT) $(BIN)/python -m launcher $@ $(OPTIONS)

all: sft grpo eval report  ## all phases in order: as each of them
seeds: $(SETUP) $(STARTER)  ## all phases for several seeds, pooled into reports/: SEEDS="0 1 2" PROFILE KEEP_GOING=1 FORCE
	@$(CLIENT) $(BIN)/python -m launcher seeds $(OPTIONS) --seeds "$(SEEDS)" $(if $(filter-out 0,$(KEEP_GOING)),--keep-going)
compare: $(SETUP)  ## compare runs with the first one, into reports/: RUNS="A B" NAMESPACE
	@$(CLIENT) $(BIN)/python -m launcher compare $(OPTIONS) --runs "$(RUNS)"

smoke: $(SETUP)  ## the whole pipeline in a minute, on a hub of its own (HUB_DIR=.hub-smoke)
	@$(MAKE) --no-print-directory all PROFILE=smoke HUB_DIR=.hub-smoke HF_ENDPOINT=; code=$$?; \
	$(MAKE) --no-print-directory hub-stop HUB_DIR=.hub-smoke && exit $$code

##@ The local hub, which keeps and runs everything unless HF_ENDPOINT names another
hub: $(SETUP) $(STARTER)  ## start the local hub, print its URL and a link to its pages: HUB_DIR HUB_PORT EXECUTOR UPSTREAM
	@$(HUB) start $(HUB_OPTIONS)
	@$(HUB) web --dir "$(HUB_DIR)"
hub-stop: $(ANY_SETUP)  ## stop the local hub: HUB_DIR
	@$(HUB) stop --dir "$(HUB_DIR)"
hub-status: $(ANY_SETUP)  ## tell whether the local hub runs, and where: HUB_DIR
	@$(HUB) status --dir "$(HUB_DIR)"
hub-env: $(SETUP) $(STARTER)  ## print the exports that point other clients at the local hub: HUB_DIR
	@$(HUB) env $(HUB_OPTIONS)

##@ Look at a run, judge it, use it (the newest, or RUN=<id>)
results: $(SETUP)  ## print the table of metrics: RUN PROFILE FORMAT=json
	@$(CLIENT) $(BIN)/python -m launcher results $(OPTIONS) $(if $(FORMAT),--format "$(FORMAT)")
manifest: $(SETUP)  ## print the run's manifest as JSON: RUN PROFILE
runs: $(SETUP)  ## list the runs: NAMESPACE
verify: $(SETUP)  ## check a whole run against what it recorded: RUN PROFILE NAMESPACE
manifest runs verify:
	@$(CLIENT) $(BIN)/python -m launcher $@ $(OPTIONS)
gate: $(SETUP)  ## say whether a run's best model may replace the one in use: BASELINE=production (or run, repo@commit) RUN PROFILE
	@$(CLIENT) $(BIN)/python -m launcher gate $(OPTIONS) $(if $(BASELINE),--baseline "$(BASELINE)")
promote: $(SETUP)  ## tag the model that passed the gate as `production`: RUN PROFILE FORCE=1 (ungated, to go back)
resume: $(SETUP)  ## print the run that a retraining works on, begun where the newest is over: PROFILE SEED NAMESPACE
summary: $(SETUP)  ## print a run on a page for a CI job's summary: RUN PROFILE
promote resume summary:
	@$(CLIENT) $(BIN)/python -m launcher $@ $(OPTIONS)

##@ Before, while and after it costs money
doctor: $(SETUP) $(STARTER)  ## check what a first launch needs, before it costs anything: PROFILE NAMESPACE IMAGE BUDGET_USD UPSTREAM
	@$(CLIENT) $(BIN)/python -m launcher doctor $(OPTIONS)
cost: $(SETUP)  ## say what each phase will cost and has cost: PROFILE RUN BUDGET_USD FORMAT=json
	@$(CLIENT) $(BIN)/python -m launcher cost $(OPTIONS) $(if $(FORMAT),--format "$(FORMAT)")
plan: $(SETUP)  ## say what a run will take, launching nothing: PROFILE BASE_MODEL SOURCE_DATASET
	@$(if $(BASE_MODEL),$(CLIENT)) $(BIN)/python -m launcher plan $(OPTIONS)
jobs: $(SETUP)  ## list the jobs that run: ALL=1 those too that have ended, NAMESPACE
	@$(CLIENT) $(BIN)/python -m launcher jobs $(OPTIONS) $(if $(filter-out 0,$(ALL)),--all)
logs: $(SETUP)  ## print a job's log: RUN PHASE or JOB=<id>, FOLLOW=1 until it ends
	@$(CLIENT) $(BIN)/python -m launcher logs $(OPTIONS) $(JOB_OPTIONS) $(if $(filter-out 0,$(FOLLOW)),--follow)
cancel: $(ANY_SETUP)  ## cancel a run's jobs; what they saved stays: RUN PHASE or JOB=<id>
	@$(CLIENT) $(BIN)/python -m launcher cancel $(OPTIONS) $(JOB_OPTIONS)

##@ Develop
check: $(SETUP)  ## lint, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
check-workflows: $(SETUP)  ## lint the GitHub workflows: schema, security, and actionlint where it is installed
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --quiet --persona pedantic .github
	@if command -v actionlint >/dev/null; then actionlint; else echo "actionlint is not installed: not run" >&2; fi
test: $(SETUP)  ## the tests
	$(BIN)/pytest -m "not slow" $(SIDE_BY_SIDE)
test-slow: $(SETUP)  ## the tests that take longer
	$(BIN)/pytest -m "slow and not docker" $(SIDE_BY_SIDE)
test-docker: $(SETUP)  ## the tests that need a Docker engine: BASE_IMAGE, DOCKER_BUILD_OPTIONS
	$(BIN)/pytest -m docker
workflow: $(SETUP)  ## run a job of a GitHub workflow here, its steps as they stand in the file: WORKFLOW=ci JOB=smoke
	@PYTHONPATH=tests $(BIN)/python -m workflows "$(WORKFLOW)" "$(JOB)"
chaos: $(SETUP)  ## kill jobs, trainings and hubs and break the network, half an hour: SEED CHAOS="--hub-kills 5"
	@PYTHONPATH=tests $(BIN)/python -m chaos $(if $(SEED),--seed "$(SEED)") $(CHAOS)
conformance: $(SETUP)  ## judge the local hub by the own tests of huggingface_hub and datasets, downloaded once: SUITE=datasets
	@PYTHONPATH=tests:infra/lock $(BIN)/python -m conformance $(if $(SUITE),--suite "$(SUITE)")

lock: $(SETUP)  ## make constraints.txt anew from the projects' own dependencies: UPGRADE=1 moves versions
	@$(BIN)/python infra/lock/lock.py $(if $(filter-out 0,$(UPGRADE)),--upgrade)
audit: $(SETUP)  ## look up the locked versions in PyPI's database of known vulnerabilities: OSV_URL=<another one>
	@$(BIN)/python infra/images/audit.py --lock constraints.txt $(AUDIT_OPTIONS)
audit-images: $(SETUP)  ## the same for what is in the built images: LISTS="*.packages" of images that are elsewhere
	@$(BIN)/python infra/images/audit.py $(AUDIT_OPTIONS) $(if $(DOCKER),--docker "$(DOCKER)") $(if $(LISTS),--lists $(LISTS))
contents-%:
	@$(PYTHON) infra/images/contents.py $(if $(DOCKER),--docker "$(DOCKER)") $*

##@ Containers (docs/containers.md)
images:  ## build the container images; image-<service> builds one: TORCH=cuda BASE_IMAGE DOCKER_BUILD_OPTIONS
	@$(PYTHON) infra/images/build.py $(IMAGE_OPTIONS)
image-%:
	@$(PYTHON) infra/images/build.py $(IMAGE_OPTIONS) $*

docker-split: image-data-splitter  ## begin a run and split, in the container alone: as split, and DOCKER_RUN_OPTIONS="--gpus all"
docker-sft: image-sft-trainer  ## run sft's container alone, with nothing between you and it: as sft, and DOCKER_RUN_OPTIONS
docker-grpo: image-grpo-trainer  ## the same for grpo
docker-eval: image-evaluator  ## the same for eval
docker-report: image-reporter  ## the same for report
docker-split docker-sft docker-grpo docker-eval docker-report: $(SETUP) $(STARTER)
	@$(CLIENT) $(BIN)/python -m launcher container --phase $(@:docker-%=%) $(OPTIONS)
docker-all: images  ## build the images and run all phases in containers, on the local hub: as all
	@$(MAKE) --no-print-directory all EXECUTOR=docker HF_ENDPOINT=

##@ Clean up
clean:  ## stop the local hub, remove the environment and caches (runs stay in HUB_DIR, reports in reports/)
	@if [ -x $(HUB) ]; then $(HUB) stop --dir "$(HUB_DIR)"; fi
	rm -rf $(VENV) .conformance .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +

# pip talks to standard error, so that `make -s manifest` prints a manifest even where it has to set up first.
$(SETUP): constraints.txt requirements-dev.txt $(wildcard shared/pyproject.toml infra/*/pyproject.toml services/*/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed; name one: make setup PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) 1>&2
	@echo "Installing into $(VENV): the first time this downloads torch and takes minutes." 1>&2
	@$(BIN)/python infra/lock/environment.py $(if $(TORCH_INDEX),--torch-index "$(TORCH_INDEX)") $(PACKAGES) 1>&2
	@touch $@

$(STARTER): $(SETUP) $(shell find infra/starter -type f -not -path '*/__pycache__/*' -not -path '*.egg-info/*' 2>/dev/null)
	@$(CLIENT) $(BIN)/python -m starter push 1>&2
	@touch "$@"
