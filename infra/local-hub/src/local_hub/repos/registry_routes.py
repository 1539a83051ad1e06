"""Repos as a whole: create, delete, move, settings, info, list."""

import logging
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from local_hub.accounts import Accounts
from local_hub.body import read_object, text_field
from local_hub.buckets.moving import move_bucket
from local_hub.caller import asking_user, param, signed_in
from local_hub.errors import ApiError, DamagedStoreError
from local_hub.repos import history, registry
from local_hub.repos.access import (
    check_may_write,
    check_not_gated,
    open_repo,
    open_repo_to_write,
    repo_not_found,
    visible_repo,
)
from local_hub.repos.contents import save_content
from local_hub.repos.mirrors import check_not_mirrored, check_own_namespace
from local_hub.repos.names import REPO_TYPES, RepoType
from local_hub.repos.paging import flag, number, page_answer
from local_hub.repos.patterns import DEFAULT_ATTRIBUTES
from local_hub.repos.shapes import repo_details, repo_summary, storage_item
from local_hub.repos.store import RepoStore, origin_of, store_of
from local_hub.repos.trees import save_folder

logger = logging.getLogger("local_hub")

LIST_PAGE = 1000
# Largest or latest first. Nothing else sorts a list here, which begins with the newest repo.
SORT_KEYS = ("createdAt", "lastModified", "likes", "downloads")


async def create_repo(request: Request) -> Response:
    """Creates a repo whose first commit holds `.gitattributes`, as on the Hub."""
    payload = await read_object(request)
    return await run_in_threadpool(_create, request, payload)


def _create(request: Request, payload: dict[str, Any]) -> Response:
    user = signed_in(request)
    repo_type, namespace, name = _named_repo(request, payload)
    if not user.may_use(namespace):
        raise ApiError(
            403, f'You don\'t have the rights to create a {repo_type} under the namespace "{namespace}"'
        )
    accounts: Accounts = request.app.state.accounts
    private = _asks_private(payload, default=accounts.is_private_by_default(namespace))
    store = store_of(request)
    with store.database.write() as db:
        check_own_namespace(db, namespace)
        existing = registry.find_by_present_name(db, repo_type, namespace, name)
        if existing is not None:
            url = f"{origin_of(request)}/{existing.url_path}"
            raise ApiError(
                409, f"You already created this {repo_type} repo: {existing.id}", body={"url": url}
            )
        repo = registry.insert_repo(db, repo_type, namespace, name, private)
        tree_id = save_folder(db, {".gitattributes": save_content(db, DEFAULT_ATTRIBUTES.encode())})
        first = history.add_commit(db, repo, None, tree_id, "initial commit", "", user.name)
        history.set_ref(db, repo, "heads", history.MAIN, first.sha)
    url = f"{origin_of(request)}/{repo.url_path}"
    return JSONResponse({"url": url, "name": repo.id, "id": repo.id})


async def delete_repo(request: Request) -> Response:
    """Deletes a repo by its present name."""
    payload = await read_object(request)
    return await run_in_threadpool(_delete, request, payload)


def _delete(request: Request, payload: dict[str, Any]) -> Response:
    repo_type, namespace, name = _named_repo(request, payload)
    with store_of(request).database.write() as db:
        repo = registry.find_by_present_name(db, repo_type, namespace, name)
        if repo is None or not repo.visible_to(asking_user(request)):
            raise repo_not_found(request)
        check_may_write(request, repo)
        registry.delete_repo(db, repo)
    store_of(request).room.forget(repo)
    return JSONResponse({})


async def move_repo(request: Request) -> Response:
    """Renames a repo; the old name goes on working."""
    payload = await read_object(request)
    return await run_in_threadpool(_move, request, payload)


def _move(request: Request, payload: dict[str, Any]) -> Response:
    if payload.get("type") == "bucket":
        return move_bucket(request, payload)
    repo_type = _repo_type(payload)
    source, target = (_split_id(text_field(payload, field)) for field in ("fromRepo", "toRepo"))
    with store_of(request).database.write() as db:
        repo = visible_repo(db, request, repo_type, *source)
        check_not_mirrored(db, repo)
        check_may_write(request, repo)
        if not signed_in(request).may_use(target[0]):
            raise ApiError(403, f'You don\'t have the rights to move a repo to the namespace "{target[0]}"')
        check_own_namespace(db, target[0])
        registry.rename_repo(db, repo, *target)
    return JSONResponse({})


async def update_settings(request: Request) -> Response:
    """Changes a repo's visibility and gating."""
    payload = await read_object(request)
    return await run_in_threadpool(_update_settings, request, payload)


def _update_settings(request: Request, payload: dict[str, Any]) -> Response:
    if payload.get("gated", False) not in (False, "auto", "manual"):
        raise ApiError(400, '"gated" must be false, "auto" or "manual"')
    with store_of(request).database.write() as db:
        repo = open_repo_to_write(db, request)
        private = _asks_private(payload, default=repo.private)
        gated = payload.get("gated", repo.gated) or None
        registry.update_settings(db, repo, private, gated)
    return JSONResponse({"private": private, "gated": gated or False})


def repo_info(request: Request) -> Response:
    """Describes a repo at a revision."""
    store = store_of(request)
    with store.database.read() as db:
        repo = open_repo(db, request)
        revision = param(request, "revision") if "revision" in request.path_params else history.MAIN
        commit = history.resolve(db, repo, revision)
        with_blobs = flag(request.query_params, "blobs")
        return JSONResponse(repo_details(db, repo, commit, with_blobs))


def list_repos(request: Request) -> Response:
    """Lists the repos that the one who asks may see."""
    query = request.query_params
    found = _filtered(request, store_of(request))
    if (key := query.get("sort")) in SORT_KEYS:
        found.sort(key=lambda item: item[key], reverse=True)
    limit = min(number(query, "limit", LIST_PAGE), LIST_PAGE)
    return page_answer(request, found, max(limit, 1), list)


def _filtered(request: Request, store: RepoStore) -> list[dict[str, Any]]:
    query = request.query_params
    words = [word.lower() for text in query.getlist("search") for word in text.split()]
    wanted = {*query.getlist("filter"), *query.getlist("pipeline_tag")}
    detailed = flag(query, "full") or flag(query, "cardData") or "expand" in query
    with store.database.read() as db:
        found = []
        for repo in registry.list_repos(db, request.path_params["type"], query.get("author")):
            if not repo.visible_to(asking_user(request)) or not all(
                word in repo.id.lower() for word in words
            ):
                continue
            try:
                head = history.branch_head(db, repo, history.MAIN)
                item = repo_summary(db, repo, head)
                if wanted <= {*item["tags"]}:
                    found.append(repo_details(db, repo, head, False) if detailed else item)
            except DamagedStoreError as error:  # it must not hide the others
                logger.error("the list of repos lacks the %s %s: %s", repo.type, repo.id, error)
    return found


def list_own_repos(request: Request) -> Response:
    """Lists what the one who asks may write to, in one namespace or in all, with the room it takes."""
    user = signed_in(request)
    namespace = param(request, "namespace") if "namespace" in request.path_params else None
    with store_of(request).database.read() as db:
        repos = [
            repo
            for repo_type in REPO_TYPES
            for repo in registry.list_repos(db, repo_type, namespace)
            if user.may_use(repo.namespace)
        ]
        heads = [history.branch_head(db, repo, history.MAIN) for repo in repos]
        used = [registry.large_bytes(db, repo) for repo in repos]
    items = [
        storage_item(repo, head, size, sum(used)) for repo, head, size in zip(repos, heads, used, strict=True)
    ]
    return page_answer(request, items, LIST_PAGE, list)


def check_read(request: Request) -> Response:
    """Answers 200 if the one who asks may read the repo."""
    with store_of(request).database.read() as db:
        check_not_gated(db, request, open_repo(db, request))
    return JSONResponse({})


def check_write(request: Request) -> Response:
    """Answers 200 if the one who asks may write to the repo."""
    with store_of(request).database.read() as db:
        open_repo_to_write(db, request)
    return JSONResponse({})


def _named_repo(request: Request, payload: dict[str, Any]) -> tuple[RepoType, str, str]:
    namespace = payload.get("organization") or signed_in(request).name
    return _repo_type(payload), str(namespace), text_field(payload, "name")


def _repo_type(payload: dict[str, Any]) -> RepoType:
    match payload.get("type") or "model":
        case "model":
            return "model"
        case "dataset":
            return "dataset"
        case other:
            raise ApiError(501, f"The local hub has models and datasets only, no repo of type '{other}'")


def _split_id(repo_id: str) -> tuple[str, str]:
    namespace, slash, name = repo_id.partition("/")
    if not slash:
        raise ApiError(400, f"'{repo_id}' must be namespace/name")
    return namespace, name


def _asks_private(payload: dict[str, Any], default: bool) -> bool:
    if "visibility" in payload:
        return bool(payload["visibility"] != "public")
    return bool(payload.get("private", default))
