"""Several runs: the same profile for several seeds, pooled; and runs compared."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from launcher.current import Wanted
from launcher.phases import RunPhases
from launcher.profiles import Seed
from launcher.terminal import say
from shared.errors import BadInput, PipelineError

WHOLE_PIPELINE = ("sft", "grpo", "eval", "report")
FEWEST = 2
EXAMPLE = 'make seeds SEEDS="0 1 2"'


def parse_seeds(text: str) -> list[int]:
    """Read seeds as a user types them, e.g. "0 1 2".

    Raises:
        BadInput: fewer than two different ones, or what is no seed.
    """
    try:
        seeds = TypeAdapter(list[Seed]).validate_python(text.split())
    except ValidationError as error:
        raise BadInput(f"SEEDS={text!r}: {error.errors()[0]['msg']}. Give numbers: {EXAMPLE}.") from error
    if len(set(seeds)) < max(FEWEST, len(seeds)):
        raise BadInput(f"SEEDS={text!r}: give two different seeds or more: {EXAMPLE}.")
    return seeds


def run_seeds(phases: RunPhases, wanted: Wanted, seeds: Sequence[int], keep_going: bool) -> int:
    """Bring the whole pipeline of each seed up to date, pool them, and return the exit code.

    Args:
        phases: how they are run.
        wanted: what is wanted of every run but its seed.
        seeds: one run each.
        keep_going: run the other seeds where one fails, and pool those that succeed; the exit code is that of the
            first failure.

    Raises:
        PipelineError: a seed failed, and the others are not asked for or are too few.
    """
    if wanted.run_id:
        raise BadInput("make seeds finds or begins the run of each seed: leave RUN out.")
    done: dict[int, str] = {}
    failures: dict[int, PipelineError] = {}
    for number, seed in enumerate(seeds, start=1):
        say(f"Seed {seed}, {number} of {len(seeds)}.")
        try:
            done[seed] = _run_all(phases, replace(wanted, seed=seed))
        except PipelineError as error:
            say(f"Seed {seed} failed: {error}")
            failures[seed] = error
            if not keep_going:
                say("The other seeds can be run and pooled without it: make seeds KEEP_GOING=1.")
                raise
    if len(done) < FEWEST and failures:
        raise next(iter(failures.values()))
    code = _pool(phases.namespace, list(done.values()), list(failures))
    return next((error.exit_code for error in failures.values()), code)


def compare_runs(run_ids: Sequence[str], namespace: str) -> int:
    """Let the reporter compare runs, and return its exit code."""
    if not run_ids:
        raise BadInput('Which runs? make compare RUNS="A B"; list them: make runs.')
    return _report("reporter.compare", ["--run-ids", *run_ids, "--namespace", namespace])


def _run_all(phases: RunPhases, wanted: Wanted) -> str:
    """Run every phase of one run, the first one deciding which run that is."""
    first, *others = WHOLE_PIPELINE
    run_id = phases.run(first, wanted)
    for phase in others:
        phases.run(phase, replace(wanted, run_id=run_id))
    return run_id


def _pool(namespace: str, run_ids: Sequence[str], failed: Sequence[int]) -> int:
    missing = ["--missing", *map(str, failed)] if failed else []
    return _report("reporter.seeds", ["--run-ids", *run_ids, "--namespace", namespace, *missing])


def _report(package: str, options: Sequence[str]) -> int:
    return subprocess.run([sys.executable, "-m", package, *options], check=False).returncode
