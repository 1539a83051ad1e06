"""Which run a command works on."""

from collections.abc import Iterator
from dataclasses import dataclass

from huggingface_hub.errors import RepositoryNotFoundError

from launcher.profiles import profile_name
from shared.addresses import is_local
from shared.errors import BadInput
from shared.hub import Hub
from shared.manifest import RunManifest
from shared.refs import RepoRef, RepoType, check_reference, split_revision
from shared.runs import ManifestStore


@dataclass(frozen=True)
class Wanted:
    """What the user asked of the run; None where anything will do. A profile is a name or a path."""

    run_id: str | None = None
    profile: str | None = None
    seed: int | None = None
    source_dataset: str | None = None
    base_model: str | None = None


def find_run(store: ManifestStore, wanted: Wanted) -> RunManifest | None:
    """Return the run that was named, or else the newest that fits what is wanted."""
    if wanted.run_id:
        return store.read(wanted.run_id)
    source = resolve_source(store.hub, wanted.source_dataset, "dataset") if wanted.source_dataset else None
    base = resolve_source(store.hub, wanted.base_model, "model") if wanted.base_model else None
    return next((run for run in newest_first(store) if _fits(run, wanted, source, base)), None)


def require_run(store: ManifestStore, wanted: Wanted) -> RunManifest:
    """Return the run that was named, or else the newest that fits what is wanted.

    Raises:
        BadInput: there is none.
    """
    manifest = find_run(store, wanted)
    if manifest is None:
        begin = "Begin one: make sft grpo eval report"
        if asked := _as_variables(wanted):
            raise BadInput(
                f"There is no run with {asked} in {store.repo_id}. {begin} {asked}; list the others: make runs."
            )
        raise BadInput(f"There is no run in {store.repo_id} yet. {begin}.")
    return manifest


def newest_first(store: ManifestStore) -> Iterator[RunManifest]:
    """Yield the runs of a namespace, read one by one as they are asked for."""
    for run_id in store.list_run_ids():
        yield store.read(run_id)


def _as_variables(wanted: Wanted) -> str:
    """Return what is wanted of a run that is not named, as it is told make."""
    told = {
        "PROFILE": wanted.profile,
        "SEED": wanted.seed,
        "SOURCE_DATASET": wanted.source_dataset,
        "BASE_MODEL": wanted.base_model,
    }
    return " ".join(f"{name}={value}" for name, value in told.items() if value is not None)


def _fits(run: RunManifest, wanted: Wanted, source: RepoRef | None, base: RepoRef | None) -> bool:
    return (
        (wanted.profile is None or profile_name(wanted.profile) == run.profile)
        and wanted.seed in (None, run.seed)
        and source in (None, run.source.dataset)
        and base in (None, run.source.base_model)
    )


def resolve_source(hub: Hub, reference: str, repo_type: RepoType) -> RepoRef:
    """Pin what a run begins with, given as `namespace/name` or `namespace/name@revision`.

    Raises:
        BadInput: it is not there, or the Hub lacks that revision of it.
    """
    what = {"dataset": "source dataset", "model": "base model"}[repo_type]
    try:
        repo_id, revision = split_revision(check_reference(reference))
        return hub.resolve(repo_id, repo_type, revision)
    except (BadInput, ValueError) as error:
        raise BadInput(f"The {what} {reference} cannot be used. {error}{_hint(hub, error)}") from error


def _hint(hub: Hub, error: Exception) -> str:
    if is_local(hub.api.endpoint) and isinstance(error.__cause__, RepositoryNotFoundError):
        return " A local hub fetches what is public with UPSTREAM=https://huggingface.co."
    return ""
