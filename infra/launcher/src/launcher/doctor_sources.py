"""What a run begins with, as a first launch needs it: there, readable, licensed, and the newest there is or not."""

import re
from typing import Any

from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

from launcher.doctor_access import Finding
from launcher.doctor_checks import Site
from shared.errors import BadInput, PipelineError
from shared.refs import RepoType, split_revision

VARIABLES = {"model": "BASE_MODEL", "dataset": "SOURCE_DATASET"}
FETCH_IT = "Check the name; what is public is fetched with UPSTREAM=https://huggingface.co"
COMMIT = re.compile(r"[0-9a-f]{40}")


def check_model(site: Site) -> Finding:
    """The base model can be read, and under which licence."""
    return _check_source(site, site.base_model, "model")


def check_dataset(site: Site) -> Finding:
    """The question dataset, likewise."""
    return _check_source(site, site.source_dataset, "dataset")


def _check_source(site: Site, reference: str, repo_type: RepoType) -> Finding:
    repo_id, revision = split_revision(reference)
    try:
        info = _look_up(site, repo_id, repo_type, revision)
        site.hub.call(f"reading {repo_id}", lambda: site.hub.api.auth_check(repo_id, repo_type=repo_type))
    except BadInput as error:
        return _explain(site, error, repo_id, repo_type)
    licence = _judge_licence(repo_id, info)
    if licence.level != "ok" or not revision or not COMMIT.fullmatch(revision):
        return licence
    try:
        newest = str(_look_up(site, repo_id, repo_type, None).sha)
    except PipelineError:  # a hub that was filled with this commit alone has no main, or its upstream is down
        return Finding("ok", f"{licence.text}; what main is by now cannot be seen from here")
    if newest == info.sha:
        return licence
    return Finding(
        "note",
        f"{licence.text}; main has moved on from {revision[:12]} to {newest[:12]}.",
        f"Stay with it, or try {VARIABLES[repo_type]}={repo_id}@{newest}",
    )


def _look_up(site: Site, repo_id: str, repo_type: RepoType, revision: str | None) -> Any:
    doing = f"looking up the {repo_type} {repo_id}{f'@{revision}' if revision else ''}"
    return site.hub.call(
        doing, lambda: site.hub.api.repo_info(repo_id, repo_type=repo_type, revision=revision)
    )


def _explain(site: Site, error: BadInput, repo_id: str, repo_type: RepoType) -> Finding:
    if isinstance(error.__cause__, GatedRepoError):
        if site.is_local:  # whose upstream it is that says so
            return Finding("problem", error.__cause__.server_message or str(error))
        page = f"{site.hub.api.endpoint}/{'datasets/' if repo_type == 'dataset' else ''}{repo_id}"
        return Finding(
            "problem",
            f"{repo_id} is gated, and HF_TOKEN may not read it.",
            f"Ask for access as its user: {page}",
        )
    if site.is_local and isinstance(error.__cause__, RepositoryNotFoundError):
        return Finding("problem", f"The local hub has no {repo_type} {repo_id}.", FETCH_IT)
    raise error


def _judge_licence(repo_id: str, info: Any) -> Finding:
    licence = getattr(getattr(info, "card_data", None), "license", None)
    name = ", ".join(licence) if isinstance(licence, list) else licence
    if name in (None, "other", "unknown"):
        return Finding("note", f"{repo_id}: its card names no licence.", "Make sure that you may use it")
    if "-nc" in name:
        return Finding("note", f"{repo_id}: licence {name}, for no commercial use.")
    return Finding("ok", f"{repo_id}, licence {name}")
