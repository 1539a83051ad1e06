"""Put a run's best model into production: the tag `production` of its repo, and a record of it in the runs repo."""

from datetime import UTC, datetime

from huggingface_hub.errors import HfHubHTTPError

from launcher.production import read_gate_record, read_production, write_production
from launcher.terminal import say
from shared.decision import GateRecord, Judged, Production
from shared.errors import GuardTripped, UpstreamNotReady
from shared.hub import Hub
from shared.manifest import RunManifest
from shared.refs import RepoRef
from shared.runs import ManifestStore

TAG = "production"


def promote_run(store: ManifestStore, manifest: RunManifest, force: bool) -> None:
    """Make the model that the gate let pass the one in production; doing it twice changes nothing.

    Args:
        store: where the run is recorded.
        manifest: the run.
        force: put its best model there whatever the gate found, e.g. to go back to an earlier run.

    Raises:
        UpstreamNotReady: the gate has not judged this run as it is now against what is in production now.
        GuardTripped: it has, and the model may not replace that one.
    """
    record = _require_judged(read_gate_record(store, manifest.run_id), manifest)
    seen, model = read_production(store), _model_of(manifest, record.this_run.name)
    if seen is None or seen.model != model:
        if not force:
            _require_passed(record, seen)
        seen = _replace(store, record, model, seen, force)
    else:
        say(f"{model} is in production already.")
    _move_tag(store.hub, seen.model, seen.previous)


def _require_judged(record: GateRecord | None, manifest: RunManifest) -> GateRecord:
    run_id, evaluation = manifest.run_id, manifest.phases["eval"]
    if record is None:
        raise UpstreamNotReady(f"Run {run_id} has not been judged. Judge it: make gate RUN={run_id}.")
    if evaluation.status != "succeeded" or not _is_same_commit(
        record.this_run.predictions, evaluation.outputs["predictions"]
    ):
        raise UpstreamNotReady(
            f"Run {run_id} was evaluated again since it was judged. Judge it: make gate RUN={run_id}."
        )
    return record


def _require_passed(record: GateRecord, production: Production | None) -> None:
    run_id = record.run_id
    if not record.may_replace:
        raise GuardTripped(
            f"Run {run_id} did not pass the gate ({', '.join(record.failed)}): nothing was moved. "
            f"To put it into production all the same: make promote RUN={run_id} FORCE=1."
        )
    if production is not None and not _is_same_model(record.in_use, production.judged):
        raise UpstreamNotReady(
            f"Run {run_id} was judged against {record.in_use}, and {production.judged} is in production. "
            f"Judge it against that: make gate RUN={run_id}."
        )


def _replace(
    store: ManifestStore, record: GateRecord, model: RepoRef, seen: Production | None, force: bool
) -> Production:
    production = Production(
        run_id=record.run_id,
        judged=record.this_run,
        model=model,
        promoted_at=datetime.now(UTC),
        forced=force,
        previous=seen.model if seen else None,
    )
    # The record first: it refuses where somebody else was faster, and says which tags are to be moved.
    write_production(store, production, seen)
    say(f"{model} is in production{f', in place of {seen.model}' if seen else ''}.")
    return production


def _model_of(manifest: RunManifest, name: str) -> RepoRef:
    """Return the judged model's commit: the one with its results in the card, where the evaluator left them."""
    evaluation = manifest.phases["eval"]
    ref = evaluation.outputs.get(f"{name}_results") or evaluation.inputs[name]
    return RepoRef(repo_id=ref.repo_id, repo_type=ref.repo_type, commit=ref.commit)


def _move_tag(hub: Hub, model: RepoRef, previous: RepoRef | None) -> None:
    """Let the tag point at one model and at no other one; `previous` is where it may be still."""
    hub.call(f"tagging {model.repo_id}", lambda: _tag(hub, model))
    if previous and previous.repo_id != model.repo_id:
        hub.call(f"taking the tag from {previous.repo_id}", lambda: _untag(hub, previous.repo_id))


def _tag(hub: Hub, model: RepoRef) -> None:
    refs = hub.api.list_repo_refs(model.repo_id)
    tagged = next((tag.target_commit for tag in refs.tags if tag.name == TAG), None)
    if tagged == model.commit:
        return
    if tagged is not None:
        hub.api.delete_tag(model.repo_id, tag=TAG)
    hub.api.create_tag(model.repo_id, tag=TAG, revision=model.commit)


def _untag(hub: Hub, repo_id: str) -> None:
    try:
        hub.api.delete_tag(repo_id, tag=TAG)
    except HfHubHTTPError as error:
        if error.response.status_code != 404:
            raise


def _is_same_commit(first: RepoRef, second: RepoRef) -> bool:
    return (first.repo_id, first.commit) == (second.repo_id, second.commit)


def _is_same_model(first: Judged, second: Judged) -> bool:
    return first.name == second.name and _is_same_commit(first.predictions, second.predictions)
