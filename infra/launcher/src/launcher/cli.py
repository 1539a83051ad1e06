"""Run the phases of the pipeline as jobs, and look at runs.

What jobs print goes to standard output, what the launcher itself says to standard error.
"""

import argparse
import os
import signal
from dataclasses import replace
from typing import Any

from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]
from pydantic import NonNegativeFloat, PositiveInt, TypeAdapter, ValidationError

from launcher.begin import begin_run
from launcher.budget import Limits
from launcher.current import Wanted, find_run
from launcher.open_run import OpenRun
from launcher.pipeline import Pipeline
from launcher.plan import show_plan
from launcher.profiles import Seed, load_profile
from launcher.show import fetch_report, show_logs, show_manifest, show_results, show_runs
from launcher.terminal import say
from launcher.verify import verify_run
from shared.errors import BadInput, ExitCode, PipelineError
from shared.hub import Hub
from shared.manifest import PHASES, RunManifest
from shared.runs import ManifestStore

DEFAULT_PROFILE = "demo"
COMMANDS = (*PHASES, "manifest", "results", "runs", "logs", "verify", "plan")


def run() -> int:
    """Run one command and return the process's exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    arguments = _parse_arguments()
    disable_progress_bars()
    try:
        return _run_command(arguments)
    except PipelineError as error:
        say(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        say("error: stopped.")
        return ExitCode.INTERRUPTED


def _run_command(arguments: argparse.Namespace) -> int:
    if arguments.command == "plan":
        # Before anything asks the Hub who the user is: a plan needs no network.
        profile = load_profile(arguments.profile or DEFAULT_PROFILE)
        show_plan(profile, arguments.base_model, arguments.source_dataset)
        return ExitCode.OK
    hub = Hub()
    namespace = arguments.namespace or hub.whoami()
    store = ManifestStore(hub, namespace)
    wanted = Wanted(
        arguments.run, arguments.profile, arguments.seed, arguments.source_dataset, arguments.base_model
    )
    if arguments.command in PHASES:
        limits = Limits(arguments.max_attempts, arguments.budget_usd)
        _run_phase(store, namespace, wanted, limits, arguments)
    elif arguments.command == "runs":
        show_runs(store)
    elif arguments.command == "verify":
        return verify_run(_require_run(store, wanted).run_id, namespace)
    else:
        _show_run(store, namespace, wanted, arguments)
    return ExitCode.OK


def _run_phase(
    store: ManifestStore, namespace: str, wanted: Wanted, limits: Limits, arguments: argparse.Namespace
) -> None:
    phase = arguments.command
    profile = load_profile(wanted.profile or DEFAULT_PROFILE)
    wanted = replace(wanted, profile=profile.name)
    manifest = _choose_run(store, wanted, phase)
    if manifest is None:
        manifest = begin_run(store, namespace, profile, wanted, join=phase != "split")
    elif manifest.profile != profile.name:
        profile = load_profile(manifest.profile)
    run = OpenRun(store, namespace, manifest.run_id)
    Pipeline(run, profile, limits).bring_up_to_date(phase, arguments.force)
    if phase == "report":
        fetch_report(store, run.read())


def _choose_run(store: ManifestStore, wanted: Wanted, phase: str) -> RunManifest | None:
    """Return the run to continue, None where one is to begin.

    `split` begins a new one unless a run is named; a report is of a run that there is.
    """
    if phase == "split" and not wanted.run_id:
        return None
    return _require_run(store, wanted) if phase == "report" else find_run(store, wanted)


def _require_run(store: ManifestStore, wanted: Wanted) -> RunManifest:
    manifest = find_run(store, wanted)
    if manifest is None:
        raise BadInput("There is no such run yet. Begin one: make sft grpo eval report.")
    return manifest


def _show_run(store: ManifestStore, namespace: str, wanted: Wanted, arguments: argparse.Namespace) -> None:
    manifest = _require_run(store, wanted)
    if arguments.command == "manifest":
        show_manifest(manifest)
    elif arguments.command == "results":
        show_results(manifest, as_json=arguments.format == "json")
    else:
        show_logs(store, namespace, manifest, arguments.phase)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m launcher", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--profile", help=f"profile name or .toml file (a new run: {DEFAULT_PROFILE})")
    parser.add_argument("--run", help="run id (default: the newest run that fits the other options)")
    parser.add_argument("--seed", type=_seed, help="seed of the run (default: the profile's)")
    parser.add_argument("--namespace", help="user or organisation that owns the repos (default: you)")
    parser.add_argument("--source-dataset", help="namespace/name[@revision] (default: the profile's)")
    parser.add_argument("--base-model", help="namespace/name[@revision] (default: the profile's)")
    parser.add_argument("--force", action="store_true", help="redo the phase even if it is up to date")
    parser.add_argument(
        "--max-attempts",
        type=_max_attempts,
        default=os.environ.get("MAX_ATTEMPTS") or None,
        help="jobs a phase, launched again where one is cut off (default: MAX_ATTEMPTS, or the profile's)",
    )
    parser.add_argument(
        "--budget-usd",
        type=_budget_usd,
        default=os.environ.get("BUDGET_USD") or None,
        help="launch nothing that could make the run cost more (default: BUDGET_USD, or no limit)",
    )
    parser.add_argument("--format", choices=["table", "json"], default="table", help="of results")
    parser.add_argument("--phase", choices=PHASES, help="whose log (default: the newest)")
    return parser.parse_args()


def _seed(text: str) -> int:
    return int(_parse(text, Seed))


def _max_attempts(text: str) -> int:
    return int(_parse(text, PositiveInt))


def _budget_usd(text: str) -> float:
    return float(_parse(text, NonNegativeFloat))


def _parse(text: str, wanted: Any) -> Any:
    try:
        return TypeAdapter(wanted).validate_python(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(error.errors()[0]["msg"]) from error
