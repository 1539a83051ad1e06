"""Run the phases of the pipeline as jobs, and look at runs.

What jobs print goes to standard output, what the launcher itself says to standard error.
"""

import argparse
import signal
from dataclasses import replace

from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]
from pydantic import TypeAdapter, ValidationError

from launcher.current import Wanted, begin_run, find_run
from launcher.pipeline import Pipeline
from launcher.profiles import Seed, load_profile
from launcher.show import fetch_report, show_logs, show_manifest, show_results, show_runs
from launcher.terminal import say
from shared.errors import BadInput, ExitCode, PipelineError
from shared.hub import Hub
from shared.manifest import PHASES, RunManifest
from shared.runs import ManifestStore

DEFAULT_PROFILE = "demo"


def run() -> int:
    """Run one command and return the process's exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    arguments = _parse_arguments()
    disable_progress_bars()
    try:
        _run_command(arguments)
    except PipelineError as error:
        say(f"error: {error}")
        return error.exit_code
    except KeyboardInterrupt:
        say("error: stopped.")
        return ExitCode.INTERRUPTED
    return ExitCode.OK


def _run_command(arguments: argparse.Namespace) -> None:
    hub = Hub()
    namespace = arguments.namespace or hub.whoami()
    store = ManifestStore(hub, namespace)
    wanted = Wanted(
        arguments.run, arguments.profile, arguments.seed, arguments.source_dataset, arguments.base_model
    )
    if arguments.command in PHASES:
        _run_phase(store, namespace, wanted, arguments.command, arguments.force)
    elif arguments.command == "runs":
        show_runs(store)
    else:
        _show_run(store, namespace, wanted, arguments)


def _run_phase(store: ManifestStore, namespace: str, wanted: Wanted, phase: str, force: bool) -> None:
    profile = load_profile(wanted.profile or DEFAULT_PROFILE)
    manifest = _choose_run(store, replace(wanted, profile=profile.name), phase)
    if manifest is None:
        manifest = begin_run(store, namespace, profile, wanted)
        say(f"Begin run {manifest.run_id} (profile {profile.name}, seed {manifest.seed}).")
    elif manifest.profile != profile.name:
        profile = load_profile(manifest.profile)
    Pipeline(store, namespace, profile, manifest.run_id).bring_up_to_date(phase, force)
    if phase == "report":
        fetch_report(store, store.read(manifest.run_id))


def _choose_run(store: ManifestStore, wanted: Wanted, phase: str) -> RunManifest | None:
    """Return the run to continue; `split` begins a new one unless a run is named."""
    if phase == "split" and not wanted.run_id:
        return None
    return find_run(store, wanted)


def _show_run(store: ManifestStore, namespace: str, wanted: Wanted, arguments: argparse.Namespace) -> None:
    manifest = find_run(store, wanted)
    if manifest is None:
        raise BadInput("There is no such run yet. Begin one: make sft grpo eval report.")
    if arguments.command == "manifest":
        show_manifest(manifest)
    elif arguments.command == "results":
        show_results(manifest, as_json=arguments.format == "json")
    else:
        show_logs(store, namespace, manifest, arguments.phase)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m launcher", description=__doc__)
    parser.add_argument("command", choices=[*PHASES, "manifest", "results", "runs", "logs"])
    parser.add_argument("--profile", help=f"profile name or .toml file (a new run: {DEFAULT_PROFILE})")
    parser.add_argument("--run", help="run id (default: the newest run that fits the other options)")
    parser.add_argument("--seed", type=_seed, help="seed of the run (default: the profile's)")
    parser.add_argument("--namespace", help="user or organisation that owns the repos (default: you)")
    parser.add_argument("--source-dataset", help="namespace/name[@revision] (default: the profile's)")
    parser.add_argument("--base-model", help="namespace/name[@revision] (default: the profile's)")
    parser.add_argument("--force", action="store_true", help="redo the phase even if it is up to date")
    parser.add_argument("--format", choices=["table", "json"], default="table", help="of results")
    parser.add_argument("--phase", choices=PHASES, help="whose log (default: the newest)")
    return parser.parse_args()


def _seed(text: str) -> int:
    try:
        return TypeAdapter(Seed).validate_python(text)
    except ValidationError as error:
        raise argparse.ArgumentTypeError(error.errors()[0]["msg"]) from error
