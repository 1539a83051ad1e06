"""Finding the repo that a request means, if the one who asks may see it or write to it."""

import sqlite3

from starlette.requests import Request

from local_hub.accounts import User
from local_hub.caller import asking_user, param, signed_in
from local_hub.errors import ApiError
from local_hub.repos.access_requests import has_access
from local_hub.repos.history import pull_request_number
from local_hub.repos.mirrors import check_not_mirrored
from local_hub.repos.names import RepoType
from local_hub.repos.pull_requests import find_pull_request
from local_hub.repos.registry import Repo, find_repo

REPO_NOT_FOUND = "Repository not found"


def open_repo(db: sqlite3.Connection, request: Request) -> Repo:
    """The repo in the URL, for reading."""
    repo_type: RepoType = request.path_params.get("type", "model")
    return visible_repo(db, request, repo_type, param(request, "namespace"), param(request, "name"))


def open_repo_to_write(db: sqlite3.Connection, request: Request) -> Repo:
    """The repo in the URL, for writing."""
    repo = open_repo(db, request)
    check_not_mirrored(db, repo)
    check_may_write(request, repo)
    return repo


def open_repo_to_propose(db: sqlite3.Connection, request: Request) -> Repo:
    """The repo in the URL, for a pull request: whoever reads its files may make one."""
    repo = open_repo(db, request)
    check_may_propose(db, request, repo)
    return repo


def open_repo_to_commit(db: sqlite3.Connection, request: Request, new_pull_request: bool) -> Repo:
    """The repo in the URL, for a commit to the revision in the URL, or for a pull request against it."""
    if new_pull_request or _has_proposed(db, request):
        return open_repo_to_propose(db, request)
    return open_repo_to_write(db, request)


def _has_proposed(db: sqlite3.Connection, request: Request) -> bool:
    """Whether the revision in the URL is a pull request of the one who asks."""
    number = pull_request_number(param(request, "revision"))
    proposal = find_pull_request(db, open_repo(db, request), number)
    user = asking_user(request)
    return proposal is not None and user is not None and proposal.author == user.name


def visible_repo(
    db: sqlite3.Connection, request: Request, repo_type: RepoType, namespace: str, name: str
) -> Repo:
    """The repo of that name; a private one looks to others as if it were not there."""
    repo = find_repo(db, repo_type, namespace, name)
    if repo is None or not repo.visible_to(asking_user(request)):
        raise repo_not_found(request)
    return repo


def repo_not_found(request: Request) -> ApiError:
    """What the Hub answers for a missing repo: 401 to the anonymous, 404 to others."""
    return ApiError(401 if asking_user(request) is None else 404, REPO_NOT_FOUND, "RepoNotFound")


def check_not_gated(db: sqlite3.Connection, request: Request, repo: Repo) -> None:
    """Raises 401 or 403 if the files of a repo are for its owner and for those whom the owner has let in."""
    user = asking_user(request)
    if is_let_in(db, repo, user):
        return
    if user is None:
        reason = ". You must have access to it and be authenticated to access it. Please log in."
    else:
        reason = " and you are not in the authorized list. Ask its owner to grant you access."
    message = f"Access to {repo.type} {repo.id} is restricted{reason}"
    raise ApiError(401 if user is None else 403, message, "GatedRepo")


def is_let_in(db: sqlite3.Connection, repo: Repo, user: User | None) -> bool:
    """Whether no gate is before the repo's files, or one that its owner has opened for the user."""
    if repo.gated is None:
        return True
    return user is not None and (user.may_use(repo.namespace) or has_access(db, repo, user.name))


def check_may_propose(db: sqlite3.Connection, request: Request, repo: Repo) -> None:
    """Raises 401 or 403 unless the one who asks may make a pull request."""
    check_not_mirrored(db, repo)
    signed_in(request)
    check_not_gated(db, request, repo)


def check_may_write(request: Request, repo: Repo) -> None:
    """Raises 401 or 403 unless the one who asks may write to the repo."""
    if not signed_in(request).may_use(repo.namespace):
        raise ApiError(403, f"You don't have the rights to write to the {repo.type} {repo.id}")
