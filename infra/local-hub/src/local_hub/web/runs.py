"""Pages of a pipeline's runs: their phases as they go, and the report."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from local_hub.accounts import User
from local_hub.caller import asking_user, param
from local_hub.errors import ApiError
from local_hub.jobs.routes import runner_of
from local_hub.repos import history
from local_hub.repos.access import check_not_gated, visible_repo
from local_hub.repos.paging import number
from local_hub.repos.store import store_of
from local_hub.web.addresses import file_url, job_url
from local_hub.web.manifests import (
    MOOD,
    Manifest,
    find_manifest,
    mapping,
    mappings,
    read_manifest,
    reference_url,
    report_of,
    status_of,
)
from local_hub.web.pretty import lay_out
from local_hub.web.render import html
from local_hub.web.run_list import ListedRun, list_runs
from local_hub.web.visitor import page
from local_hub.web.windows import window
from local_hub.web.words import as_time, duration

PAGE_SIZE = 100
MOST_METRICS = 500
MOST_ATTEMPTS = 100
MOST_CHARACTERS = 50_000


@page
def runs_page(request: Request) -> Response:
    """`GET /runs`: the runs, newest first."""
    start = number(request.query_params, "start", 0)
    with store_of(request).database.read() as db:
        found = list_runs(db, asking_user(request))
    rows = [run_row(run) for run in found[start : start + PAGE_SIZE]]
    values = {
        "rows": rows,
        "is_live": any(row["is_live"] for row in rows),
        **window(start, PAGE_SIZE, len(found)),
    }
    return html(request, "runs.html", values)


@page
def run_page(request: Request) -> Response:
    """`GET /runs/{namespace}/{name}/{run}`: a run's phases, and its report in a sandbox."""
    user, run_id = asking_user(request), param(request, "run")
    with store_of(request).database.read() as db:
        repo = visible_repo(db, request, "dataset", param(request, "namespace"), param(request, "name"))
        check_not_gated(db, request, repo)
        entry = find_manifest(db, history.branch_head(db, repo, history.MAIN).tree_id, run_id)
        manifest = read_manifest(db, entry) if entry else None
        if manifest is None:
            raise ApiError(404, f"{repo.id} has no run {run_id} that can be read.")
        report = report_of(db, manifest, user)
    values = {
        **run_row(ListedRun(repo, run_id, manifest.outline)),
        "facts": _facts(manifest),
        "sources": _references(manifest.values.get("source")),
        "phases": [_phase(request, user, name, phase) for name, phase in manifest.phases.items()],
        "report": file_url(report[0], "blob", *report[1:]) if report else None,
        "report_frame": file_url(report[0], "page", *report[1:]) if report else None,
        "manifest_url": file_url(repo, "blob", "main", f"runs/{run_id}/manifest.json"),
    }
    return html(request, "run.html", values)


def run_row(run: ListedRun) -> dict[str, Any]:
    """What a list shows of a run."""
    statuses = run.outline.statuses
    return {
        "run": run,
        "marks": [(name, status, MOOD.get(status, "")) for name, status in statuses],
        "words": _words(statuses),
        "is_live": not run.outline.is_over,
    }


def _words(statuses: Sequence[tuple[str, str]]) -> str:
    """How far a run is, in a few words."""
    waiting = [name for name, status in statuses if status == "pending"]
    busy = [f"{name} is running" for name, status in statuses if status == "running"]
    bad = [f"{name} {status}" for name, status in statuses if status in ("failed", "interrupted")]
    if busy or bad:
        return ", ".join(busy + bad)
    if len(waiting) == len(statuses):
        return "not begun"
    return f"{waiting[0]} has not begun" if waiting else "done"


def _facts(manifest: Manifest) -> list[tuple[str, str]]:
    texts = {name: str(manifest.values.get(name, "")) for name in ("profile", "seed", "code")}
    texts["code"] = texts["code"][:12]
    return [(name, text) for name, text in texts.items() if text]


def _phase(request: Request, user: User | None, name: str, phase: Mapping[str, Any]) -> dict[str, Any]:
    status = status_of(phase)
    progress = mapping(phase.get("progress"))
    step, total = progress.get("step"), progress.get("total")
    has_steps = isinstance(step, int) and isinstance(total, int) and 0 <= step <= total and total > 0
    return {
        "name": name,
        "status": status,
        "mood": MOOD.get(status, ""),
        "step": step if has_steps else None,
        "total": total if has_steps else None,
        "attempts": [
            _attempt(request, user, attempt) for attempt in mappings(phase.get("attempts"))[-MOST_ATTEMPTS:]
        ],
        "outputs": _references(phase.get("outputs")),
        "metrics": _scalars(mapping(phase.get("metrics"))),
        "error": str(phase.get("error") or "")[:MOST_CHARACTERS],
        "config": _pretty(phase.get("config")),
        "inputs": _references(phase.get("inputs")),
    }


def _attempt(request: Request, user: User | None, attempt: Mapping[str, Any]) -> dict[str, Any]:
    job_id = str(attempt.get("job_id") or "")
    begin, end = as_time(attempt.get("started_at")), as_time(attempt.get("finished_at"))
    exit_code = attempt.get("exit_code")
    facts = [
        str(attempt.get("flavor") or ""),
        duration((end - begin).total_seconds()) if begin and end else "",
        f"exit code {exit_code}" if exit_code and isinstance(exit_code, int) else "",
    ]
    return {
        "job_id": job_id,
        "url": _job_address(request, user, job_id),
        "facts": [fact for fact in facts if fact],
    }


def _job_address(request: Request, user: User | None, job_id: str) -> str | None:
    """The page of a job of this hub that the visitor may see; a run may have had jobs elsewhere."""
    job = runner_of(request).store.find(job_id) if user is not None and job_id else None
    return job_url(job.namespace, job.id) if job and user and user.may_use(job.namespace) else None


def _references(value: object) -> list[tuple[str, str, str | None]]:
    """Name, text and address of each `repo@commit`."""
    found = []
    for name, reference in mapping(value).items():
        shown = mapping(reference)
        text = f"{shown.get('repo_id')}@{str(shown.get('commit'))[:7]}"
        found.append((name, text, reference_url(shown)))
    return found


def _scalars(metrics: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """The numbers and words in nested metrics, by their path."""
    found: list[tuple[str, str]] = []
    for name, value in metrics.items():
        if len(found) > MOST_METRICS:
            break
        if isinstance(value, dict) and prefix.count(".") < 2:
            found += _scalars(value, f"{prefix}{name}.")
        elif isinstance(value, float):
            found.append((f"{prefix}{name}", f"{value:.4g}"))
        elif isinstance(value, str | int):
            found.append((f"{prefix}{name}", str(value)))
    return found


def _pretty(value: object) -> str:
    if not value:
        return ""
    try:
        text, is_cut = lay_out(value)
    except RecursionError:
        return "nested too deep to be shown"
    return f"{text[:MOST_CHARACTERS]}{'…' if is_cut or len(text) > MOST_CHARACTERS else ''}"
