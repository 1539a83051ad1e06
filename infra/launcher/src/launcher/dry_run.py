"""Show what would be asked of the Jobs API, and ask nothing: DRY_RUN=1.

The requests are the Hub client's own, held back at the moment in which they would leave.
"""

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from huggingface_hub import get_session

from launcher.begin import check_draft, draft_run
from launcher.budget import over_budget
from launcher.current import Wanted, find_run
from launcher.open_run import OpenRun
from launcher.phases import DEFAULT_PROFILE, RunPhases
from launcher.pipeline import has_current_result, was_asked_for
from launcher.placement import Placement
from launcher.profiles import Profile, load_profile
from launcher.requests import JobRequest, build_request, check_settings
from launcher.submit import run_job
from launcher.terminal import say
from shared.errors import BadInput
from shared.hub import Hub
from shared.manifest import UPSTREAM, RunManifest

MASK = "***"
HARMLESS = ("GET", "HEAD")


def show_requests(phases: RunPhases, phase: str, wanted: Wanted) -> None:
    """Print the requests that would launch the jobs of a phase, and of those before it that it needs.

    Raises:
        PipelineError: what the command itself would be refused for.
    """
    with _nothing_changed():
        profile = load_profile(wanted.profile or DEFAULT_PROFILE)
        manifest = None if phase == "split" and not wanted.run_id else find_run(phases.store, wanted)
        if manifest is None:
            manifest = draft_run(phases.store.hub, profile, wanted)
            check_draft(phases.store.hub, profile, manifest, phases.namespace)
            say(f"A run would begin, {manifest.run_id} (profile {profile.name}, seed {manifest.seed}).")
        elif manifest.profile != profile.name:
            profile = load_profile(manifest.profile)
        for request in _requests(phases, profile, manifest, phase):
            print(_render(_hold_back(phases.store.hub, phases.namespace, request)))


def _requests(phases: RunPhases, profile: Profile, manifest: RunManifest, phase: str) -> Iterator[JobRequest]:
    run = OpenRun(phases.store, phases.namespace, manifest.run_id)
    placement = Placement(run.hub, profile, manifest.source)
    needed = [*(UPSTREAM[phase] if phase != "report" else ()), phase]
    launched: list[str] = []
    for name in needed:
        force = phases.force and name == phase
        request = build_request(profile, name, run.run_id, run.namespace, force)
        follows = any(upstream in launched for upstream in UPSTREAM[name])
        if not (force or follows) and _needs_no_job(manifest, request, asked=name == phase):
            continue
        launched.append(name)
        if manifest.phases["split"].attempts:
            # Of a run that would only begin, all phases have been checked.
            check_settings(request)
        placement.warn(request)
        request = placement.place(request)
        if refusal := over_budget(run, manifest, request.target, phases.limits.budget_usd):
            raise BadInput(f"{name} would not be launched. {refusal}")
        yield request


def _needs_no_job(manifest: RunManifest, request: JobRequest, asked: bool) -> bool:
    record = manifest.phases[request.phase]
    if record.attempts and record.attempts[-1].finished_at is None:
        say(f"{request.phase} is running in job {record.attempts[-1].job_id}, which would be followed.")
        return True
    if has_current_result(manifest, request.phase) and (not asked or was_asked_for(record, request)):
        say(f"{request.phase} is up to date in run {manifest.run_id}.")
        return True
    return False


class _HeldBack(Exception):
    """A request that was not sent."""

    def __init__(self, request: httpx2.Request) -> None:
        super().__init__(f"{request.method} {request.url}")
        self.request = request


def _hold(request: httpx2.Request) -> None:
    if request.method not in HARMLESS:
        raise _HeldBack(request)


@contextmanager
def _nothing_changed() -> Iterator[None]:
    """Hold back whatever the Hub client would send that could change something."""
    hooks = get_session().event_hooks["request"]
    hooks.append(_hold)
    try:
        yield
    finally:
        hooks.remove(_hold)


def _hold_back(hub: Hub, namespace: str, request: JobRequest) -> httpx2.Request:
    with _nothing_changed():
        try:
            run_job(hub, namespace, request, secrets.token_hex(8))
        except _HeldBack as held:
            return held.request
    raise AssertionError("unreachable")


def _render(request: httpx2.Request) -> str:
    body = json.loads(request.content)
    body["secrets"] = dict.fromkeys(body["secrets"], MASK)
    head = f"{request.method} {request.url}\nauthorization: Bearer {MASK}\ncontent-type: application/json"
    return f"{head}\n\n{json.dumps(body, indent=2, ensure_ascii=False)}\n"
