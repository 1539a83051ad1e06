"""The JSON that the Hub's clients expect for repos, files, commits and refs."""

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from local_hub.repos.cards import CARD_PATH, InvalidCard, parse_card, tags_of
from local_hub.repos.contents import find_content, lfs_pointer
from local_hub.repos.eval_results import read_eval_results
from local_hub.repos.history import Commit
from local_hub.repos.mirrors import upstream_details
from local_hub.repos.pull_requests import PullRequest
from local_hub.repos.registry import Repo, count_likes, now
from local_hub.repos.trees import Entry, find_entry, walk_files

_MAX_CARD_BYTES = 1024**2

Json = dict[str, Any]


def tree_item(
    path: str, entry: Entry, last_change: Commit | None = None, xet_hash: str | None = None
) -> Json:
    """A file or folder in a listing; one with a Xet hash is downloaded by Xet."""
    item: Json = {"type": "directory" if entry.is_folder else "file", "oid": entry.oid, "size": entry.size}
    item["path"] = path
    if entry.kind == "lfs":
        item["lfs"] = {"oid": entry.sha256, "size": entry.size, "pointerSize": _pointer_size(entry)}
    if xet_hash is not None:
        item["xetHash"] = xet_hash
    if last_change is not None:
        item["lastCommit"] = {
            "id": last_change.sha,
            "title": last_change.title,
            "date": last_change.created_at,
        }
    return item


def sibling(path: str, entry: Entry, with_blobs: bool) -> Json:
    """A file in a repo's info."""
    if not with_blobs:
        return {"rfilename": path}
    item: Json = {"rfilename": path, "size": entry.size, "blobId": entry.oid}
    if entry.kind == "lfs":
        item["lfs"] = {"sha256": entry.sha256, "size": entry.size, "pointerSize": _pointer_size(entry)}
    return item


def commit_item(commit: Commit, formatted: bool) -> Json:
    """A commit in a history."""
    item: Json = {
        "id": commit.sha,
        "title": commit.title,
        "message": commit.message,
        "date": commit.created_at,
        "authors": [{"user": commit.author}],
    }
    if formatted:
        item["formatted"] = {"title": commit.title, "message": commit.message}
    return item


def ref_items(kind: str, refs: Mapping[str, str]) -> list[Json]:
    """Branches or tags."""
    return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": sha} for name, sha in refs.items()]


def pull_request_item(repo: Repo, proposal: PullRequest) -> Json:
    """A pull request in a list."""
    return {
        "num": proposal.number,
        "title": proposal.title,
        "author": {"name": proposal.author, "type": "user"},
        "status": proposal.status,
        "createdAt": proposal.created_at,
        "isPullRequest": True,
        "repo": {"name": repo.id, "type": repo.type},
    }


def pull_request_details(repo: Repo, proposal: PullRequest, head: Commit) -> Json:
    """A pull request with what has been said and committed to it."""
    description = {"raw": proposal.description, "updatedAt": proposal.created_at}
    said = {"edited": False, "hidden": False, "latest": description, "history": []}
    committed = {"subject": head.title, "oid": head.sha}
    return {
        **pull_request_item(repo, proposal),
        "changes": {"base": f"refs/heads/{proposal.base}", "mergeCommitId": proposal.merged_as},
        "filesWithConflicts": [],
        "events": [
            _event(proposal, "comment", proposal.author, said, proposal.created_at),
            _event(proposal, "commit", head.author, committed, head.created_at),
        ],
    }


def status_change(proposal: PullRequest, author: str, status: str) -> Json:
    """That a pull request was closed or opened again."""
    return _event(proposal, "status-change", author, {"status": status}, now())


def _event(proposal: PullRequest, kind: str, author: str, data: Json, created_at: str) -> Json:
    seed = f"{proposal.number} {kind} {created_at} {author}"
    return {
        "id": hashlib.sha256(seed.encode()).hexdigest()[:24],
        "type": kind,
        "author": {"name": author, "type": "user"},
        "createdAt": created_at,
        "data": data,
    }


def repo_summary(db: sqlite3.Connection, repo: Repo, commit: Commit) -> Json:
    """A repo in a list of repos."""
    card = read_card(db, commit)
    return {
        "id": repo.id,
        **({"modelId": repo.id} if repo.type == "model" else {}),
        "author": repo.namespace,
        "sha": commit.sha,
        "lastModified": commit.created_at,
        "createdAt": repo.created_at,
        "private": repo.private,
        "gated": repo.gated or False,
        "disabled": False,
        "downloads": 0,
        "likes": count_likes(db, repo),
        "tags": tags_of(card, repo.type),
        "library_name": card.get("library_name"),
        "pipeline_tag": card.get("pipeline_tag"),
        **upstream_details(db, repo, commit.sha),
    }


def repo_details(db: sqlite3.Connection, repo: Repo, commit: Commit, with_blobs: bool) -> Json:
    """A repo with its card and its files at one commit."""
    siblings, sizes = [], {}
    for path, entry in walk_files(db, commit.tree_id):
        siblings.append(sibling(path, entry, with_blobs))
        sizes[entry.sha256 or entry.oid] = entry.size
    return {
        **repo_summary(db, repo, commit),
        "cardData": read_card(db, commit) or None,
        **({"evalResults": read_eval_results(db, commit.tree_id)} if repo.type == "model" else {}),
        **upstream_details(db, repo, commit.sha),
        "siblings": siblings,
        "usedStorage": sum(sizes.values()),
    }


def storage_item(repo: Repo, head: Commit, used: int, used_by_all: int) -> Json:
    """A repo in a list of what takes room."""
    return {
        "id": repo.id,
        "type": repo.type,
        "updatedAt": head.created_at,
        "visibility": "private" if repo.private else "public",
        "storage": used,
        "storagePercent": 100 * used / used_by_all if used_by_all else 0,
    }


def read_card(db: sqlite3.Connection, commit: Commit) -> Json:
    """The metadata in a commit's README.md; empty without one, or with one that cannot be read."""
    entry = find_entry(db, commit.tree_id, CARD_PATH)
    if entry is None or entry.kind != "file" or entry.size > _MAX_CARD_BYTES:
        return {}
    readme = find_content(db, entry)
    card: Json = json.loads(_card_json(readme)) if readme is not None else {}
    return card


@lru_cache(maxsize=256)
def _card_json(readme: bytes) -> str:
    try:
        return json.dumps(parse_card(readme.decode(errors="replace")))
    except InvalidCard:
        return "{}"


def _pointer_size(entry: Entry) -> int:
    return len(lfs_pointer(entry.sha256, entry.size))
