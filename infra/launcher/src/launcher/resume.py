"""Which run a retraining works on: the newest one, where that is not over, and else a new one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from launcher.begin import begin_run
from launcher.current import Wanted, newest_first, resolve_source
from launcher.endings import FINAL
from launcher.production import read_gate_record
from launcher.profiles import Profile
from launcher.terminal import say
from shared.hub import Hub
from shared.manifest import Phase, RunManifest, Source
from shared.refs import RepoRef, split_revision
from shared.runs import ManifestStore

LIFETIME = timedelta(days=7)
"""A run that was left alone for longer is not gone on with: its data and code are no longer today's."""


def resume_or_begin(store: ManifestStore, namespace: str, profile: Profile, wanted: Wanted) -> RunManifest:
    """Return the run to go on with, begun where the newest one that fits is over or there is none.

    A run that is named is taken as it is.

    Raises:
        BadInput: no run can begin with what is wanted.
    """
    if wanted.run_id:
        return store.read(wanted.run_id)
    wanted = _complete(wanted, profile)
    newest = next((run for run in newest_first(store) if _fits(store.hub, run, wanted)), None)
    if newest is not None:
        why_not = _why_not_resume(store, newest, wanted)
        if not why_not:
            say(f"Go on with run {newest.run_id} ({_describe(newest)}).")
            return newest
        say(f"The newest run, {newest.run_id}, {why_not}.")
    return begin_run(store, namespace, profile, wanted, join=False)


def why_over(run: RunManifest, now: datetime, is_judged: bool) -> str:
    """Return why a run is not gone on with, empty where it may be."""
    final = [name for name, phase in run.phases.items() if _ended_for_good(phase)]
    if final:
        return f"failed in {final[0]} as it would again"
    if is_judged and not _unfinished(run):
        return "is finished and judged"
    if now - run.created_at > LIFETIME:
        return f"began more than {LIFETIME.days} days ago"
    return ""


def _why_not_resume(store: ManifestStore, run: RunManifest, wanted: Wanted) -> str:
    is_judged = read_gate_record(store, run.run_id) is not None
    if why := why_over(run, datetime.now(UTC), is_judged):
        return why
    # What is trained is only to be judged: unless there is something new to train on.
    if not _unfinished(run) and run.source != _source_now(store.hub, wanted):
        return "is finished, and its dataset or base model has changed since"
    return ""


def _complete(wanted: Wanted, profile: Profile) -> Wanted:
    return replace(
        wanted,
        profile=profile.name,
        seed=profile.run.seed if wanted.seed is None else wanted.seed,
        source_dataset=wanted.source_dataset or profile.run.source_dataset,
        base_model=wanted.base_model or profile.run.base_model,
    )


def _fits(hub: Hub, run: RunManifest, wanted: Wanted) -> bool:
    return (
        (run.profile, run.seed) == (wanted.profile, wanted.seed)
        and _began_with(hub, run.source.dataset, str(wanted.source_dataset))
        and _began_with(hub, run.source.base_model, str(wanted.base_model))
    )


def _began_with(hub: Hub, ref: RepoRef, reference: str) -> bool:
    """Tell whether a run began with a repo, at its revision where one is named."""
    repo_id, revision = split_revision(reference)
    return ref.repo_id == repo_id and (
        revision is None or ref == resolve_source(hub, reference, ref.repo_type)
    )


def _source_now(hub: Hub, wanted: Wanted) -> Source:
    return Source(
        dataset=resolve_source(hub, str(wanted.source_dataset), "dataset"),
        base_model=resolve_source(hub, str(wanted.base_model), "model"),
    )


def _unfinished(run: RunManifest) -> list[str]:
    return [name for name, phase in run.phases.items() if phase.status != "succeeded"]


def _ended_for_good(phase: Phase) -> bool:
    return phase.status == "failed" and bool(phase.attempts) and phase.attempts[-1].exit_code in FINAL


def _describe(run: RunManifest) -> str:
    unfinished = _unfinished(run)
    return f"{unfinished[0]} is {run.phases[unfinished[0]].status}" if unfinished else "not judged yet"
