"""What can be asked about runs without starting anything. Standard output holds the answer and nothing else."""

import json
import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from launcher.settle import BY_HAND
from launcher.terminal import say
from shared.errors import BadInput, UpstreamNotReady
from shared.manifest import PHASES, Phase, RunManifest, render_manifest
from shared.runs import ManifestStore

METRICS = ("accuracy", "valid_json_rate", "schema_pass_rate", "accuracy_on_schema")
MODELS = ("base", "sft", "grpo")
WIDE = 200
REPORTS_FOLDER = Path("reports")


def show_manifest(manifest: RunManifest) -> None:
    """Print the manifest as JSON."""
    print(render_manifest(manifest), end="")


def show_results(manifest: RunManifest, as_json: bool) -> None:
    """Print the metrics of base, sft and grpo, as a table or as JSON.

    Raises:
        UpstreamNotReady: the run has not been evaluated.
    """
    evaluation = manifest.phases["eval"]
    if evaluation.status != "succeeded":
        raise UpstreamNotReady(
            f"Run {manifest.run_id} has no results: eval is {evaluation.status}. Evaluate it: make eval."
        )
    models = evaluation.metrics["models"]
    if as_json:
        picked = {name: {key: models[name][key] for key in (*METRICS, "rows")} for name in MODELS}
        print(json.dumps({"run_id": manifest.run_id, "models": picked}, indent=2))
    else:
        _results_table(manifest.run_id, models)


def show_runs(store: ManifestStore) -> None:
    """Print a table of all runs, newest first; one that cannot be read hides none of the others."""
    table = Table(Column("run", no_wrap=True), "profile", "seed", *PHASES, box=None)
    for run_id in store.list_run_ids():
        try:
            manifest = store.read(run_id)
        except BadInput as error:
            say(f"warning: {error}")
            table.add_row(run_id, "cannot be read")
            continue
        statuses = (_status(manifest.phases[phase]) for phase in PHASES)
        table.add_row(run_id, manifest.profile, str(manifest.seed), *statuses)
    _console().print(table if table.rows else "No runs yet. Begin one: make sft grpo eval report")


def newest_job(manifest: RunManifest, phase: str | None) -> str:
    """Return the id of the newest job of a run, of one phase or of all.

    Raises:
        UpstreamNotReady: no job has been launched; what is started by hand is none.
    """
    phases = [phase] if phase else PHASES
    attempts = (attempt for name in phases for attempt in manifest.phases[name].attempts)
    jobs = [attempt for attempt in attempts if not attempt.job_id.startswith(BY_HAND)]
    if not jobs:
        of = f"{phase} of run" if phase else "run"
        raise UpstreamNotReady(
            f"No job of {of} {manifest.run_id} has been launched yet. Start one: make {phase or 'sft'}."
        )
    # One that has not begun was launched last.
    return max(jobs, key=lambda job: job.started_at or datetime.max.replace(tzinfo=UTC)).job_id


def fetch_report(store: ManifestStore, manifest: RunManifest) -> None:
    """Copy the run's report to `reports/<run_id>/` and say where it is."""
    ref = manifest.phases["report"].outputs["report"]
    snapshot = store.hub.snapshot(ref, allow_patterns=[f"{ref.path}/*"])
    folder = REPORTS_FOLDER / manifest.run_id
    shutil.copytree(snapshot / str(ref.path), folder, dirs_exist_ok=True)
    say(f"The report is in {folder / 'report.html'}")


def _status(phase: Phase) -> str:
    """Return a phase's status, with how far it is where it is not done: `running 40/120`."""
    if phase.progress is None or phase.status in ("pending", "succeeded"):
        return phase.status
    return f"{phase.status} {phase.progress.step}/{phase.progress.total}"


def _results_table(run_id: str, models: Mapping[str, Mapping[str, Any]]) -> None:
    table = Table("metric", *MODELS, title=f"Run {run_id}", title_justify="left", box=None)
    for metric in METRICS:
        table.add_row(metric, *(_percent(models[name][metric]) for name in MODELS))
    table.add_row("rows", *(str(models[name]["rows"]) for name in MODELS))
    _console().print(table)


def _console() -> Console:
    # In a pipe rich would fit everything into 80 columns, and cut what scripts look for.
    return Console(width=None if sys.stdout.isatty() else WIDE)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
