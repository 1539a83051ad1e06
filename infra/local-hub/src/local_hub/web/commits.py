"""Pages of commits and pull requests, with what they change."""

import sqlite3
from collections.abc import Iterator, Mapping
from itertools import dropwhile, islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from local_hub.caller import param
from local_hub.errors import ApiError
from local_hub.repos import history, mirrors
from local_hub.repos.access import check_not_gated, open_repo
from local_hub.repos.history import Commit
from local_hub.repos.pull_requests import find_pull_request, list_pull_requests
from local_hub.repos.registry import Repo
from local_hub.repos.store import store_of
from local_hub.web.changes import Patience, compare, text_diff
from local_hub.web.copies import repo_page
from local_hub.web.files import repo_values
from local_hub.web.manifests import mappings
from local_hub.web.opened import shown_revision
from local_hub.web.render import html

PAGE_SIZE = 50
MAX_CHANGES = 1000
# More differences than a reader would look through are listed without their lines.
MAX_DIFFS = 50


@repo_page("commits")
def commits_page(request: Request) -> Response:
    """`GET /{repo}/commits/{revision}`: the commits that led to it, newest first."""
    revision = param(request, "revision")
    with store_of(request).database.read() as db:
        repo = open_repo(db, request)
        found = list(islice(_history(db, repo, revision, request.query_params.get("from")), PAGE_SIZE + 1))
        values = {
            **repo_values(db, repo, revision),
            "commits": found[:PAGE_SIZE],
            "next": found[PAGE_SIZE].sha if len(found) > PAGE_SIZE else None,
        }
    return html(request, "commits.html", values)


def _history(db: sqlite3.Connection, repo: Repo, revision: str, start: str | None) -> Iterator[Commit]:
    """The commits that led to a revision, from one of them on; those of a copy as upstream lists them."""
    newest = history.resolve(db, repo, revision)
    kept = mirrors.find_document(db, repo, "commits", newest.sha)
    if kept is None:
        begin = history.resolve(db, repo, start) if start else newest
        yield from history.ancestry(db, repo, begin)
    else:
        listed = (_listed_commit(item) for item in mappings(kept))
        yield from dropwhile(lambda commit: start is not None and commit.sha != start, listed)


def _listed_commit(item: Mapping[str, Any]) -> Commit:
    """A commit of which only upstream's list of commits tells."""
    authors = ", ".join(str(author.get("user")) for author in mappings(item.get("authors")))
    title, message, made_at = (str(item.get(name) or "") for name in ("title", "message", "date"))
    return Commit(str(item.get("id")), None, "", title, message, authors, made_at)


@repo_page()
def commit_page(request: Request) -> Response:
    """`GET /{repo}/commit/{revision}`: what a commit says and changes."""
    with store_of(request).database.read() as db:
        repo = open_repo(db, request)
        commit = history.resolve(db, repo, param(request, "revision"))
        parent = history.get_commit(db, repo, commit.parent) if commit.parent else None
        values = {
            **repo_values(db, repo, commit.sha),
            "commit": commit,
            **_changes(db, request, repo, parent, commit),
        }
    return html(request, "commit.html", values)


@repo_page()
def proposals_page(request: Request) -> Response:
    """`GET /{repo}/discussions`: the pull requests."""
    with store_of(request).database.read() as db:
        repo = open_repo(db, request)
        values = {
            **repo_values(db, repo, shown_revision(db, repo)),
            "proposals": list_pull_requests(db, repo),
        }
    return html(request, "proposals.html", values)


@repo_page()
def proposal_page(request: Request) -> Response:
    """`GET /{repo}/discussions/{number}`: a pull request, and what it changes."""
    with store_of(request).database.read() as db:
        repo = open_repo(db, request)
        number = history.pull_request_number(f"refs/pr/{param(request, 'number')}")
        proposal = find_pull_request(db, repo, number)
        if proposal is None:
            raise ApiError(404, f"{repo.id} has no pull request {param(request, 'number')}.")
        head = history.get_commit(db, repo, proposal.sha)
        base = _base_of(db, repo, proposal.base, head)
        values = {
            **repo_values(db, repo, proposal.ref),
            "proposal": proposal,
            **_changes(db, request, repo, base, head),
        }
    return html(request, "proposal.html", values)


def _base_of(db: sqlite3.Connection, repo: Repo, branch: str, head: Commit) -> Commit | None:
    """The newest commit that the branch and the proposal have in common."""
    sha = history.find_ref(db, repo, "heads", branch)
    if sha is None:
        return None
    on_branch = {commit.sha for commit in history.ancestry(db, repo, history.get_commit(db, repo, sha))}
    return next((commit for commit in history.ancestry(db, repo, head) if commit.sha in on_branch), None)


def _changes(
    db: sqlite3.Connection, request: Request, repo: Repo, before: Commit | None, after: Commit
) -> dict[str, Any]:
    """What differs between two commits; lines of files only for those who may read these."""
    values = {"changes": [], "is_cut": False, "before": before, "after": after}
    if mirrors.origin_of_mirror(db, repo) is not None:
        return values | {"problem": "This is a copy: what a commit has changed is known only upstream."}
    try:
        check_not_gated(db, request, repo)
    except ApiError as error:
        return values | {"problem": error.message}
    found = list(islice(compare(db, before.tree_id if before else None, after.tree_id), MAX_CHANGES + 1))
    patience = Patience()
    changes = [
        {"change": change, "diff": text_diff(db, change, patience) if index < MAX_DIFFS else None}
        for index, change in enumerate(found[:MAX_CHANGES])
    ]
    return values | {"changes": changes, "problem": None, "is_cut": len(found) > MAX_CHANGES}
