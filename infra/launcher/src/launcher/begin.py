"""How a new run begins: what it begins with is pinned and checked before its manifest is stored."""

import json
import os
import subprocess
from datetime import UTC, datetime

from launcher.current import Wanted, find_run, resolve_source
from launcher.placement import place_all
from launcher.profiles import Profile
from launcher.requests import check_all_settings
from launcher.terminal import say
from shared.errors import BadInput
from shared.hub import Hub
from shared.manifest import RunManifest, Source
from shared.refs import RepoRef
from shared.runs import ManifestStore


def begin_run(
    store: ManifestStore, namespace: str, profile: Profile, wanted: Wanted, join: bool
) -> RunManifest:
    """Pin what a new run begins with and store its manifest.

    Args:
        store: where the run is recorded.
        namespace: who owns it.
        profile: its profile.
        wanted: what the user asked of it.
        join: return a run that another launcher has begun meanwhile, where it fits what is wanted.

    Raises:
        BadInput: a setting of any phase is wrong, the dataset or the model is not there, the model has no chat
            template, or a phase names an image or hardware that there is not.
    """
    draft = draft_run(store.hub, profile, wanted)
    check_draft(store.hub, profile, draft, namespace)

    def look_again() -> None:
        if join and (other := find_run(store, wanted)):
            raise _BegunMeanwhile(other)

    try:
        manifest = store.create(draft, look_again)
    except _BegunMeanwhile as found:
        return found.run
    say(f"Begin run {manifest.run_id} (profile {profile.name}, seed {manifest.seed}).")
    return manifest


def check_draft(hub: Hub, profile: Profile, draft: RunManifest, namespace: str) -> None:
    """Check the jobs of every phase of a run before the first is launched.

    Raises:
        BadInput: a setting of any phase is wrong, or it names an image or hardware that there is not.
    """
    place_all(hub, profile, draft, namespace)
    check_all_settings(profile, draft.run_id, namespace)


class _BegunMeanwhile(Exception):
    """Another launcher has begun a run that will do."""

    def __init__(self, run: RunManifest) -> None:
        super().__init__(run.run_id)
        self.run = run


def draft_run(hub: Hub, profile: Profile, wanted: Wanted) -> RunManifest:
    """Return the manifest of a new run, stored nowhere, with what it begins with pinned and checked."""
    seed = profile.run.seed if wanted.seed is None else wanted.seed
    source = resolve_source(hub, wanted.source_dataset or profile.run.source_dataset, "dataset")
    base = resolve_source(hub, wanted.base_model or profile.run.base_model, "model")
    _require_chat_template(hub, base)
    now = datetime.now(UTC)
    return RunManifest(
        run_id=f"{now:%Y%m%d-%H%M%S}-{profile.name}-{seed}",
        profile=profile.name,
        seed=seed,
        code=_git_commit(),
        created_at=now,
        source=Source(dataset=source, base_model=base),
    )


def _require_chat_template(hub: Hub, model: RepoRef) -> None:
    files = hub.list_files(model)
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
    """Return the commit of the checkout, marked where files differ, or else the one that this image was built from."""
    command = ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("MEDMCQA_REVISION", "unknown")
