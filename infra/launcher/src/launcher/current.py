"""Which run a command works on, and how a new one begins."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from launcher.profiles import Profile
from launcher.requests import check_all_settings
from shared.errors import BadInput
from shared.hub import Hub
from shared.manifest import RunManifest, Source
from shared.refs import RepoRef, RepoType, split_revision
from shared.runs import ManifestStore


@dataclass(frozen=True)
class Wanted:
    """What the user asked of the run; None where anything will do."""

    run_id: str | None = None
    profile: str | None = None
    seed: int | None = None
    source_dataset: str | None = None
    base_model: str | None = None


def find_run(store: ManifestStore, wanted: Wanted) -> RunManifest | None:
    """Return the run that was named, or else the newest that fits what is wanted."""
    if wanted.run_id:
        return store.read(wanted.run_id)
    source = _resolve(store.hub, wanted.source_dataset, "dataset") if wanted.source_dataset else None
    base = _resolve(store.hub, wanted.base_model, "model") if wanted.base_model else None
    return next((run for run in _newest_first(store) if _fits(run, wanted, source, base)), None)


def begin_run(store: ManifestStore, namespace: str, profile: Profile, wanted: Wanted) -> RunManifest:
    """Pin what a new run begins with and store its manifest.

    Raises:
        BadInput: a setting of any phase is wrong, the dataset or the model is not there, or the model has no
            chat template.
    """
    seed = profile.run.seed if wanted.seed is None else wanted.seed
    source = _resolve(store.hub, wanted.source_dataset or profile.run.source_dataset, "dataset")
    base = _resolve(store.hub, wanted.base_model or profile.run.base_model, "model")
    _require_chat_template(store.hub, base)
    now = datetime.now(UTC)
    run_id = f"{now:%Y%m%d-%H%M%S}-{profile.name}-{seed}"
    check_all_settings(profile, run_id, namespace)
    manifest = RunManifest(
        run_id=run_id,
        profile=profile.name,
        seed=seed,
        code=_git_commit(),
        created_at=now,
        source=Source(dataset=source, base_model=base),
    )
    store.create(manifest)
    return manifest


def _newest_first(store: ManifestStore) -> Iterator[RunManifest]:
    for run_id in store.list_run_ids():
        yield store.read(run_id)


def _fits(run: RunManifest, wanted: Wanted, source: RepoRef | None, base: RepoRef | None) -> bool:
    return (
        wanted.profile in (None, run.profile)
        and wanted.seed in (None, run.seed)
        and source in (None, run.source.dataset)
        and base in (None, run.source.base_model)
    )


def _resolve(hub: Hub, reference: str, repo_type: RepoType) -> RepoRef:
    repo_id, revision = split_revision(reference)
    try:
        return hub.resolve(repo_id, repo_type, revision)
    except BadInput as error:
        what = {"dataset": "source dataset", "model": "base model"}[repo_type]
        raise BadInput(f"The {what} {reference} cannot be used. {error}") from error


def _require_chat_template(hub: Hub, model: RepoRef) -> None:
    files = set(hub.api.list_repo_files(model.repo_id, revision=model.commit))
    if "chat_template.jinja" in files:
        return
    if "tokenizer_config.json" in files:
        config = json.loads(hub.read_bytes(model, "tokenizer_config.json"))
        if config.get("chat_template"):
            return
    raise BadInput(
        f"The base model {model.repo_id} has no chat template, so a question cannot be put to it. "
        "Use an instruction-tuned model, or add a chat_template.jinja to the repo."
    )


def _git_commit() -> str:
    """Return the checkout's commit, marked where files differ from it, or "unknown" outside of git."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
