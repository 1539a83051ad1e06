"""Branches, tags and histories."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_hub.body import read_object, text_field
from local_hub.caller import param, signed_in
from local_hub.repos import history
from local_hub.repos.access import open_repo, open_repo_to_write
from local_hub.repos.mirrors import find_document
from local_hub.repos.paging import page_answer
from local_hub.repos.pull_requests import list_pull_requests
from local_hub.repos.shapes import commit_item, ref_items
from local_hub.repos.store import store_of

COMMITS_PAGE = 50


def list_refs(request: Request) -> Response:
    """Lists branches and tags, and pull requests where they are asked for."""
    with store_of(request).database.read() as db:
        repo = open_repo(db, request)
        if (kept := find_document(db, repo, "refs")) is not None:
            return JSONResponse(
                kept if "include_prs" in request.query_params else kept | {"pullRequests": None}
            )
        branches = ref_items("heads", history.list_refs(db, repo, "heads"))
        tags = ref_items("tags", history.list_refs(db, repo, "tags"))
        proposed = [(proposal.ref, proposal.sha) for proposal in list_pull_requests(db, repo)]
    answer: dict[str, Any] = {"branches": branches, "converts": [], "tags": tags}
    if "include_prs" in request.query_params:
        answer["pullRequests"] = [{"name": ref, "ref": ref, "targetCommit": sha} for ref, sha in proposed]
    return JSONResponse(answer)


def list_commits(request: Request) -> Response:
    """Lists the commits that led to a revision, newest first."""
    with store_of(request).database.read() as db:
        repo = open_repo(db, request)
        newest = history.resolve(db, repo, param(request, "revision"))
        if (kept := find_document(db, repo, "commits", newest.sha)) is not None:
            return page_answer(request, kept, COMMITS_PAGE, list)
        commits = list(history.ancestry(db, repo, newest))
    formatted = "formatted" in request.query_params.getlist("expand[]")
    return page_answer(
        request, commits, COMMITS_PAGE, lambda page: [commit_item(commit, formatted) for commit in page]
    )


async def create_branch(request: Request) -> Response:
    """Creates a branch at a revision, main unless the client says so."""
    payload = await read_object(request)
    starting_point = payload.get("startingPoint") or history.MAIN
    return await run_in_threadpool(
        _create_ref, request, "heads", param(request, "branch"), str(starting_point)
    )


async def create_tag(request: Request) -> Response:
    """Creates a tag at the revision in the URL."""
    payload = await read_object(request)
    return await run_in_threadpool(
        _create_ref, request, "tags", text_field(payload, "tag"), param(request, "revision")
    )


def _create_ref(request: Request, kind: history.RefKind, name: str, revision: str) -> Response:
    with store_of(request).database.write() as db:
        history.create_ref(db, open_repo_to_write(db, request), kind, name, revision)
    return JSONResponse({})


def delete_branch(request: Request) -> Response:
    """Deletes a branch other than main."""
    return _delete_ref(request, "heads", param(request, "branch"))


def delete_tag(request: Request) -> Response:
    """Deletes a tag."""
    return _delete_ref(request, "tags", param(request, "revision"))


def _delete_ref(request: Request, kind: history.RefKind, name: str) -> Response:
    with store_of(request).database.write() as db:
        history.delete_ref(db, open_repo_to_write(db, request), kind, name)
    return JSONResponse({})


async def super_squash(request: Request) -> Response:
    """Replaces a branch's history by one commit."""
    payload = await read_object(request)
    return await run_in_threadpool(_super_squash, request, text_field(payload, "message"))


def _super_squash(request: Request, message: str) -> Response:
    with store_of(request).database.write() as db:
        repo = open_repo_to_write(db, request)
        commit = history.squash(db, repo, param(request, "branch"), message, signed_in(request).name)
    return JSONResponse({"commitOid": commit.sha})
