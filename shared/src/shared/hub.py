"""Reading from and writing to a Hub through the official client, every reference pinned to a commit.

Which Hub is the client's business (`HF_ENDPOINT`, `HF_TOKEN`); nothing here knows whether it is local.
"""

import logging
import random
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from functools import cache
from pathlib import Path
from typing import TypeVar

import httpx2
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    HfApi,
    RepoFile,
    get_cached_repo_tree,
    get_session,
    set_client_factory,
)
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RevisionNotFoundError

from shared.errors import PipelineError
from shared.refs import RepoRef, RepoType
from shared.retry import Patience
from shared.retry import hub_errors as hub_errors  # For those who call the client themselves.

T = TypeVar("T")
Operation = CommitOperationAdd | CommitOperationDelete
MAIN = "main"
SILENCE_SECONDS = 120.0
MAX_WRITE_ATTEMPTS = 40
CONFLICT_STATUSES = (409, 412)
# The Hub's own file, which tells it what is large.
ATTRIBUTES = ".gitattributes"


class Hub:
    """A Hub as the jobs use it. `api` is the client itself, for what is needed only once: see `call`."""

    def __init__(
        self, endpoint: str | None = None, token: str | None = None, patience: Patience | None = None
    ) -> None:
        _bound_silence()
        # A commit of what is there already is how a repeated one ends well; the client warns of it.
        logging.getLogger("huggingface_hub.hf_api").addFilter(_is_no_empty_commit)
        self.api = HfApi(endpoint=endpoint, token=token, library_name="medmcqa-pipeline")
        self._patience = patience or Patience()

    def in_a_hurry(self) -> "Hub":
        """Return the same Hub for what is not worth a long wait: it is asked twice at most."""
        hurried = copy(self)
        hurried._patience = Patience(tries=2)
        return hurried

    def call(self, doing: str, request: Callable[[], T]) -> T:
        """Make a request of the client, again where it fails for a passing reason: it must bear being made twice.

        Args:
            doing: what it is for, as in "pushing to a/b".
            request: makes it, e.g. `lambda: hub.api.inspect_job(...)`.
        """
        with hub_errors(doing):
            return self._patience.call(doing, request)

    def whoami(self) -> str:
        """Return the name of the user that the token belongs to."""
        return self.call(f"asking {self.api.endpoint} who you are", lambda: str(self.api.whoami()["name"]))

    def resolve(self, repo_id: str, repo_type: RepoType, revision: str | None = None) -> RepoRef:
        """Pin a repo to the commit that a branch, a tag or a commit id (default: main) points at now."""
        info = self.call(
            f"looking up the {repo_type} repo {repo_id}",
            lambda: self.api.repo_info(repo_id, repo_type=repo_type, revision=revision),
        )
        return RepoRef(repo_id=repo_id, repo_type=repo_type, commit=str(info.sha))

    def create_repo(self, repo_id: str, repo_type: RepoType) -> None:
        """Create a private repo, or leave the one that is there as it is."""
        self.call(
            f"creating the {repo_type} repo {repo_id}",
            lambda: self.api.create_repo(repo_id, repo_type=repo_type, private=True, exist_ok=True),
        )

    def push_folder(self, repo_id: str, repo_type: RepoType, folder: Path, message: str) -> RepoRef:
        """Make the repo (created if needed) hold exactly the folder's files, in one commit."""
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}

        def build(head: RepoRef) -> list[Operation]:
            # Not the client's `upload_folder`, which may make several commits of one folder.
            gone = set(self.list_files(head)) - set(files) - {ATTRIBUTES}
            return [*_additions(files), *(CommitOperationDelete(path) for path in sorted(gone))]

        self.create_repo(repo_id, repo_type)
        return self.commit(repo_id, repo_type, build, message)

    def push_files(
        self, repo_id: str, repo_type: RepoType, files: Mapping[str, Path | bytes], message: str
    ) -> RepoRef:
        """Add or replace files (path in the repo → local file or content) in one commit."""
        self.create_repo(repo_id, repo_type)
        return self.commit(repo_id, repo_type, lambda _: _additions(files), message)

    def push_to_branch(
        self,
        repo_id: str,
        repo_type: RepoType,
        branch: str,
        files: Mapping[str, Path | bytes],
        delete: Sequence[str],
        message: str,
    ) -> RepoRef:
        """Change a branch in one commit; the repo and the branch are created if needed, the branch without files.

        Args:
            repo_id: namespace/name of the repo.
            repo_type: its type.
            branch: its name.
            files: what to add or replace: path in the repo → local file or content.
            delete: files and folders to remove; what is not there is passed over.
            message: the commit's title.
        """

        def build(head: RepoRef) -> list[Operation]:
            gone = [path for path in self.list_files(head) if path not in files and _is_under(path, delete)]
            return [*_additions(files), *(CommitOperationDelete(path) for path in gone)]

        self.create_repo(repo_id, repo_type)
        self._create_branch(repo_id, repo_type, branch)
        return self.commit(repo_id, repo_type, build, message, branch)

    def delete_branch(self, repo_id: str, repo_type: RepoType, branch: str) -> None:
        """Delete a branch, if it is there."""

        def delete() -> None:
            try:
                self.api.delete_branch(repo_id, branch=branch, repo_type=repo_type)
            except HfHubHTTPError as error:
                if error.response.status_code != 404:
                    raise

        self.call(f"deleting the branch {branch} of {repo_id}", delete)

    def squash(self, repo_id: str, repo_type: RepoType, branch: str, message: str) -> None:
        """Make one commit of a branch's whole history, so that what was deleted takes no space any more."""
        self.call(
            f"squashing the branch {branch} of {repo_id}",
            lambda: self.api.super_squash_history(
                repo_id, branch=branch, commit_message=message, repo_type=repo_type
            ),
        )

    def commit(
        self,
        repo_id: str,
        repo_type: RepoType,
        build: Callable[[RepoRef], Sequence[Operation]],
        message: str,
        branch: str = MAIN,
    ) -> RepoRef:
        """Commit what `build` makes of a branch's head, onto that head and no other.

        Where another writer was faster, or the Hub's answer was lost, `build` is called again with the head as it is by
        then. So nothing is overwritten unseen; and what did arrive is not written twice, since the client leaves out
        what the branch holds already and makes no commit of nothing. Where `build` returns nothing, it is not asked to.
        """
        doing = f"pushing to {repo_id}"

        def commit_once() -> RepoRef:
            head = self.resolve(repo_id, repo_type, branch)
            operations = build(head)
            if not operations:
                return head
            made = self.api.create_commit(
                repo_id,
                operations,
                repo_type=repo_type,
                revision=branch,
                commit_message=message,
                parent_commit=head.commit,
            )
            return RepoRef(repo_id=repo_id, repo_type=repo_type, commit=made.oid)

        with hub_errors(doing):
            for attempt in range(MAX_WRITE_ATTEMPTS):
                try:
                    return self._patience.call(doing, commit_once)
                except HfHubHTTPError as error:
                    if error.response.status_code not in CONFLICT_STATUSES:
                        raise
                # Full jitter, so that writers who collided once do not collide in step.
                time.sleep(random.uniform(0, min(2.0, 0.05 * 2**attempt)))
        raise PipelineError(f"Gave up {doing}: others wrote first {MAX_WRITE_ATTEMPTS} times. Run it again.")

    def list_files(self, ref: RepoRef, prefix: str = "") -> list[str]:
        """Return the paths of all files in a folder of a repo (default: everywhere), sorted."""

        def list_tree() -> list[str]:
            entries = self.api.list_repo_tree(
                ref.repo_id, prefix or None, recursive=True, revision=ref.commit, repo_type=ref.repo_type
            )
            try:
                return sorted(entry.path for entry in entries if isinstance(entry, RepoFile))
            except EntryNotFoundError:
                return []

        return self.call(f"listing the files of {ref}", list_tree)

    def snapshot(
        self, ref: RepoRef, allow_patterns: list[str] | None = None, cache: Path | None = None
    ) -> Path:
        """Download a repo at its commit, or the files that match, and return the folder.

        Args:
            ref: the repo.
            allow_patterns: of the files that are wanted; None means all.
            cache: where they are kept; None means the client's own cache, which may hold them already.
        """

        def download() -> Path:
            folder = self.api.snapshot_download(
                ref.repo_id,
                repo_type=ref.repo_type,
                revision=ref.commit,
                allow_patterns=allow_patterns,
                cache_dir=cache,
            )
            # Where it cannot list the repo, the client returns what it has, complete or not; this raises then.
            get_cached_repo_tree(ref.repo_id, repo_type=ref.repo_type, revision=ref.commit, cache_dir=cache)
            return Path(folder)

        return self.call(f"downloading {ref}", download)

    def download(self, ref: RepoRef, path: str) -> Path:
        """Download one file of a repo at its commit and return where it lies."""
        return Path(
            self.call(
                f"downloading {path} of {ref}",
                lambda: self.api.hf_hub_download(
                    ref.repo_id, path, repo_type=ref.repo_type, revision=ref.commit
                ),
            )
        )

    def read_bytes(self, ref: RepoRef, path: str) -> bytes:
        """Return a small file's content without leaving a copy in the cache."""

        def read() -> bytes:
            with tempfile.TemporaryDirectory() as folder:
                local = self.api.hf_hub_download(
                    ref.repo_id, path, repo_type=ref.repo_type, revision=ref.commit, local_dir=folder
                )
                return Path(local).read_bytes()

        return self.call(f"reading {path} of {ref}", read)

    def _create_branch(self, repo_id: str, repo_type: RepoType, branch: str) -> None:
        def create() -> None:
            try:
                self.api.repo_info(repo_id, repo_type=repo_type, revision=branch)
            except RevisionNotFoundError:
                oldest = self.api.list_repo_commits(repo_id, repo_type=repo_type)[-1].commit_id
                self.api.create_branch(
                    repo_id, branch=branch, revision=oldest, repo_type=repo_type, exist_ok=True
                )

        self.call(f"creating the branch {branch} of {repo_id}", create)


def _additions(files: Mapping[str, Path | bytes]) -> list[Operation]:
    return [CommitOperationAdd(name, content) for name, content in sorted(files.items())]


def _is_under(path: str, places: Sequence[str]) -> bool:
    return any(path == place or path.startswith(f"{place.rstrip('/')}/") for place in places)


@cache
def _bound_silence() -> None:
    """Let no request of this process wait for ever, as the client's do where they name no timeout of their own."""
    hooks = get_session().event_hooks["request"]

    def bound(request: httpx2.Request) -> None:
        named = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {
            kind: SILENCE_SECONDS if named.get(kind) is None else named[kind]
            for kind in ("connect", "read", "write", "pool")
        }

    def make_client() -> httpx2.Client:
        return httpx2.Client(event_hooks={"request": [*hooks, bound]}, follow_redirects=True, timeout=None)

    set_client_factory(make_client)


def _is_no_empty_commit(record: logging.LogRecord) -> bool:
    return "Skipping to prevent empty commit" not in record.getMessage()
