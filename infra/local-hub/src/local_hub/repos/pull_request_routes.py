"""Pull requests by the API of discussions, of which the hub has no others."""

import sqlite3
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_hub.body import read_object, text_field
from local_hub.caller import param, signed_in
from local_hub.errors import ApiError
from local_hub.repos import history
from local_hub.repos.access import open_repo, open_repo_to_propose, open_repo_to_write
from local_hub.repos.paging import number
from local_hub.repos.pull_requests import (
    PullRequest,
    Status,
    find_pull_request,
    list_pull_requests,
    merge,
    open_pull_request,
    set_status,
)
from local_hub.repos.registry import Repo
from local_hub.repos.shapes import pull_request_details, pull_request_item, status_change
from local_hub.repos.store import store_of
from local_hub.repos.trees import walk_files

PAGE = 50
ONLY_PULL_REQUESTS = "The local hub has pull requests, but no other discussions"
# What the client calls open includes drafts, as on the Hub.
_STATUSES: dict[str, tuple[Status, ...]] = {"open": ("draft", "open"), "closed": ("closed", "merged")}


def list_proposals(request: Request) -> Response:
    """Lists pull requests, newest first."""
    query = request.query_params
    with store_of(request).database.read() as db:
        repo = open_repo(db, request)
        found = [proposal for proposal in list_pull_requests(db, repo) if _is_wanted(request, proposal)]
    start = number(query, "p", 0) * PAGE
    items = [pull_request_item(repo, proposal) for proposal in found[start : start + PAGE]]
    return JSONResponse({"discussions": items, "count": len(found), "start": start})


def _is_wanted(request: Request, proposal: PullRequest) -> bool:
    query = request.query_params
    statuses = _STATUSES.get(query.get("status", "all"))
    return (
        query.get("type") != "discussion"
        and query.get("author", proposal.author) == proposal.author
        and (statuses is None or proposal.status in statuses)
    )


async def create_proposal(request: Request) -> Response:
    """Opens a pull request without a change; commits to its ref follow."""
    payload = await read_object(request)
    return await run_in_threadpool(_create, request, payload)


def _create(request: Request, payload: dict[str, Any]) -> Response:
    if not payload.get("pullRequest"):
        raise ApiError(501, f"{ONLY_PULL_REQUESTS}: {request.method} {request.url.path}")
    title, description = text_field(payload, "title"), str(payload.get("description") or "")
    with store_of(request).database.write() as db:
        repo = open_repo_to_propose(db, request)
        head = history.branch_head(db, repo, history.MAIN)
        author = signed_in(request).name
        proposal = open_pull_request(db, repo, history.MAIN, head, author, title, description, "draft")
    return JSONResponse({"num": proposal.number, "pullRequest": True})


def show_proposal(request: Request) -> Response:
    """Describes a pull request."""
    with store_of(request).database.read() as db:
        repo = open_repo(db, request)
        proposal = _proposal(db, request, repo)
        head = history.get_commit(db, repo, proposal.sha)
    return JSONResponse(pull_request_details(repo, proposal, head))


async def change_status(request: Request) -> Response:
    """Closes a pull request, or opens it again."""
    payload = await read_object(request)
    return await run_in_threadpool(_change_status, request, payload.get("status"))


def _change_status(request: Request, status: object) -> Response:
    if status not in ("open", "closed"):
        raise ApiError(400, '"status" must be "open" or "closed"')
    with store_of(request).database.write() as db:
        repo = open_repo(db, request)
        proposal = _proposal(db, request, repo)
        if proposal.author != signed_in(request).name:
            open_repo_to_write(db, request)
        set_status(db, repo, proposal, "open" if status == "open" else "closed")
    return JSONResponse({"newStatus": status_change(proposal, signed_in(request).name, status)})


def merge_proposal(request: Request) -> Response:
    """Brings a pull request into the branch that it was made for."""
    with store_of(request).database.write() as db:
        repo = open_repo_to_write(db, request)
        proposal = _proposal(db, request, repo)
        merged = merge(db, repo, proposal, signed_in(request).name)
        large = {entry.sha256 for _, entry in walk_files(db, merged.tree_id) if entry.kind == "lfs"}
        store_of(request).room.take_over(db, repo, large, proposal.number)
    return JSONResponse({})


def _proposal(db: sqlite3.Connection, request: Request, repo: Repo) -> PullRequest:
    found = find_pull_request(db, repo, history.pull_request_number(f"refs/pr/{param(request, 'number')}"))
    if found is None:
        raise ApiError(404, f"There is no pull request {param(request, 'number')} in {repo.id}")
    return found
