"""Run the phases of the pipeline as jobs, and look at runs.

What jobs print goes to standard output, what the launcher itself says to standard error.
"""

import argparse
import os
import signal
from typing import Any

from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]
from pydantic import NonNegativeFloat, PositiveInt, TypeAdapter, ValidationError

from launcher.budget import Limits
from launcher.current import Wanted, require_run
from launcher.dry_run import show_requests
from launcher.gate import judge_run
from launcher.phases import DEFAULT_PROFILE, RunPhases
from launcher.plan import show_plan
from launcher.profiles import IMAGE_VARIABLE, Seed, load_profile
from launcher.promote import promote_run
from launcher.resume import resume_or_begin
from launcher.several import compare_runs, parse_seeds, run_seeds
from launcher.show import show_logs, show_manifest, show_results, show_runs
from launcher.summary import show_summary
from launcher.terminal import say
from launcher.verify import verify_run
from shared.errors import BadInput, ExitCode, PipelineError
from shared.hub import Hub
from shared.manifest import PHASES
from shared.runs import ManifestStore

COMMANDS = (
    *PHASES,
    "seeds",
    "compare",
    "manifest",
    "results",
    "runs",
    "logs",
    "verify",
    "gate",
    "promote",
    "resume",
    "summary",
    "plan",
)
# These launch or change something that no dry run shows.
NOT_DRY = ("container", "seeds", "promote", "resume")


def run() -> int:
    """Run one command and return the process's exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    arguments = _parse_arguments()
    if arguments.image:
        os.environ[IMAGE_VARIABLE] = arguments.image
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
    if arguments.dry_run and arguments.command in NOT_DRY:
        raise BadInput(
            f"DRY_RUN shows the requests of phases: make sft DRY_RUN=1. {arguments.command} ignores it."
        )
    limits = Limits(arguments.max_attempts, arguments.budget_usd)
    if arguments.command in PHASES:
        phases = RunPhases(store, namespace, limits, arguments.force)
        if arguments.dry_run:
            show_requests(phases, arguments.command, wanted)
        else:
            phases.run(arguments.command, wanted)
    elif arguments.command == "runs":
        show_runs(store)
    elif arguments.command == "verify":
        return verify_run(require_run(store, wanted).run_id, namespace)
    elif arguments.command == "gate":
        manifest = require_run(store, wanted)
        profile = load_profile(arguments.profile or manifest.profile)
        return judge_run(store, namespace, manifest.run_id, profile, arguments.baseline)
    elif arguments.command == "promote":
        promote_run(store, require_run(store, wanted), arguments.force)
    elif arguments.command == "resume":
        profile = load_profile(arguments.profile or DEFAULT_PROFILE)
        print(resume_or_begin(store, namespace, profile, wanted).run_id)
    elif arguments.command == "seeds":
        phases = RunPhases(store, namespace, limits, arguments.force)
        return run_seeds(phases, wanted, parse_seeds(arguments.seeds), arguments.keep_going)
    elif arguments.command == "compare":
        return compare_runs(arguments.runs.split(), namespace)
    else:
        _show_run(store, namespace, wanted, arguments)
    return ExitCode.OK


def _show_run(store: ManifestStore, namespace: str, wanted: Wanted, arguments: argparse.Namespace) -> None:
    manifest = require_run(store, wanted)
    if arguments.command == "manifest":
        show_manifest(manifest)
    elif arguments.command == "results":
        show_results(manifest, as_json=arguments.format == "json")
    elif arguments.command == "summary":
        show_summary(store, manifest)
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
    parser.add_argument("--force", action="store_true", help="redo what is up to date; promote ungated")
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
    parser.add_argument(
        "--image", help="of every phase; {service} stands for the service (default: IMAGE, or the profile's)"
    )
    parser.add_argument(
        "--dry-run",
        action="store_true",
        default=os.environ.get("DRY_RUN", "") not in ("", "0"),
        help="of a phase: print the requests that would launch jobs, send none (default: DRY_RUN)",
    )
    parser.add_argument("--format", choices=["table", "json"], default="table", help="of results")
    parser.add_argument("--seeds", default="", help="of seeds: those to run and pool, e.g. '0 1 2'")
    parser.add_argument("--keep-going", action="store_true", help="of seeds: pool the others where one fails")
    parser.add_argument("--runs", default="", help="of compare: run ids, the first is compared with")
    parser.add_argument("--baseline", help="of gate: the model in use, run id or repo (default: production)")
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
