"""Copies of upstream's repos: what a revision is there, and its files, each asked for once."""

import asyncio
import errno
import logging
import re
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from local_hub.directory import flush
from local_hub.errors import ApiError
from local_hub.repos import history, mirrors
from local_hub.repos.lfs import Ticket, record_large_file
from local_hub.repos.mirrors import DocumentKind
from local_hub.repos.names import is_repo_name, quoted, url_prefix
from local_hub.repos.registry import Repo, find_repo
from local_hub.repos.store import RepoStore
from local_hub.repos.trees import Entry
from local_hub.upstream.address import UpstreamAddress
from local_hub.upstream.client import RefusedError, UnreachableError, UnusableError, UpstreamClient
from local_hub.upstream.download import Download, WrongContentError
from local_hub.upstream.listing import save_listing
from local_hub.upstream.revision import RevisionName, api_path

logger = logging.getLogger("local_hub.upstream")

PARTIAL_FOLDER = "upstream"
# A branch may have moved after so long; an upstream that did not answer may be back.
CALM_SECONDS = 10.0
# A client waits 10 s for an answer: what is kept is given after less.
PATIENCE_SECONDS = 4.0
MOST_COMMITS = 1000
# Parts of files that nobody has asked for since.
ABANDONED_SECONDS = 7 * 24 * 3600
_SHA = re.compile(r"[0-9a-f]{40}")


class Upstream:
    """The Hub behind this one. Its methods are for the hub's event loop."""

    def __init__(self, address: UpstreamAddress, store: RepoStore) -> None:
        self.url = address.url
        self._client = UpstreamClient(address)
        self._store = store
        self._folder = store.config.directory / PARTIAL_FOLDER
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._drop_abandoned_parts()
        self._answered: dict[object, tuple[float, RefusedError | None]] = {}
        self._silent_until = 0.0
        self._silence = ""
        self._asking: dict[object, asyncio.Task[Any]] = {}
        self._wrong: dict[str, tuple[float, ApiError]] = {}
        self._downloads: dict[str, tuple[Download, asyncio.Task[None]]] = {}

    async def close(self) -> None:
        """Ends what is under way; parts of files stay for the next start."""
        tasks = [*self._asking.values(), *(task for _, task in self._downloads.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()

    async def prepare(self, name: RevisionName) -> None:
        """Makes sure that a revision is known here as it is upstream, unless it is this hub's own affair.

        Raises:
            ApiError: it is not known here, and upstream cannot be asked.
        """
        state = await asyncio.to_thread(self._state, name)
        if state == "settled":
            return
        await self._ask(name, partial(self._copy_listing, name), is_kept=state == "kept")

    async def prepare_document(self, name: RevisionName, kind: DocumentKind) -> None:
        """Makes sure that the history or the refs of a copy are here."""
        found = await asyncio.to_thread(self._find_for_document, name, kind)
        if found is not None:
            repo, sha, is_kept = found
            if not is_kept or kind == "refs":
                await self._ask(
                    (repo.key, kind, sha), partial(self._copy_document, repo, kind, sha), is_kept=is_kept
                )

    def download(self, repo: Repo, sha: str, path: str, entry: Entry) -> tuple[Download, asyncio.Task[None]]:
        """The download of a file of a copy, begun now unless it is under way. The task ends when the file is kept.

        Raises:
            ApiError: upstream has just sent other bytes than its hash is for, or the disk has no room.
        """
        key = entry.sha256 if entry.kind == "lfs" else entry.oid
        until, refusal = self._wrong.get(key, (0.0, None))
        if refusal is not None and until > time.monotonic():
            raise refusal
        if key not in self._downloads:
            files = f"/{url_prefix(repo.type)}{quoted(repo.namespace)}/{quoted(repo.name)}"
            address = f"{files}/resolve/{sha}/{'/'.join(map(quoted, path.split('/')))}"
            made = Download(self._client, address, entry, self._folder / f"{key}.part")
            self._store.room.check_disk(entry.size - made.received)
            task = asyncio.create_task(self._fetch(key, made, f"{path} of {repo.id}"))
            task.add_done_callback(_look_at_end)
            self._downloads[key] = made, task
        under_way = self._downloads[key]
        under_way[0].repos.add(repo.key)
        return under_way

    async def _fetch(self, key: str, download: Download, title: str) -> None:
        try:
            await download.fetch()
            await asyncio.to_thread(self._keep, download)
        except UnreachableError as error:
            raise self._unreachable(error) from error
        except RefusedError as error:
            raise ApiError(error.status, f"{self.url} does not give {title}: {error}", error.code) from error
        except WrongContentError as error:
            await asyncio.to_thread(self._note_wrong, download.entry)
            message = f"{self.url} sends other bytes for {title} than its hash is for. None of them was kept."
            logger.error(message)
            refusal = ApiError(502, message)
            self._wrong[key] = (time.monotonic() + CALM_SECONDS, refusal)
            raise refusal from error
        except OSError as error:
            status = 507 if error.errno in (errno.ENOSPC, errno.EDQUOT) else 500
            raise ApiError(status, f"The hub cannot keep {title}: {error.strerror}") from error
        finally:
            del self._downloads[key]

    def _keep(self, download: Download) -> None:
        """Makes the file one of the store's, for every repo that asked for it."""
        entry, path = download.entry, download.path
        if entry.kind == "lfs":
            flush(path)
            self._store.blobs.place(path, entry.sha256)
        with self._store.database.write() as db:
            for repo_key in list(download.repos):
                if db.execute("SELECT 1 FROM repos WHERE id = ?", (repo_key,)).fetchone() is None:
                    continue
                if entry.kind == "lfs":
                    record_large_file(db, Ticket(repo_key, entry.sha256, entry.size))
                else:
                    mirrors.save_fetched_content(db, repo_key, entry.oid, path.read_bytes())
        path.unlink(missing_ok=True)

    def _note_wrong(self, entry: Entry) -> None:
        if entry.kind == "lfs":
            with self._store.database.write() as db:
                mirrors.note_wrong_content(db, entry.sha256)

    def _state(self, name: RevisionName) -> str:
        """`settled`: upstream has no say in it, or no more; `kept`: it may have moved; `missing`."""
        if not (is_repo_name(name.namespace) and is_repo_name(name.name)):
            return "settled"
        with self._store.database.read() as db:
            if mirrors.is_local_namespace(db, name.namespace):
                return "settled"
            repo = find_repo(db, name.type, name.namespace, name.name)
            if repo is None:
                return "missing"
            if mirrors.origin_of_mirror(db, repo) != self.url:  # commits of two Hubs are not mixed
                return "settled"
            try:
                commit = history.resolve(db, repo, name.revision)
            except ApiError:
                return "missing"
            return "settled" if commit.sha == name.revision else "kept"

    async def _ask(self, key: object, ask: Callable[[], Awaitable[None]], is_kept: bool) -> None:
        """Asks upstream, at most every few seconds and once at a time; what is kept does without an answer."""
        now = time.monotonic()
        calm_until, refusal = self._answered.get(key, (0.0, None))
        if calm_until > now and refusal is not None:
            self._refuse(refusal, is_kept)
            return
        if is_kept and max(calm_until, self._silent_until) > now:
            return
        if self._silent_until > now:
            raise self._unreachable(self._silence)
        if key not in self._asking:
            self._asking[key] = asyncio.create_task(self._ask_once(key, ask))
            self._asking[key].add_done_callback(_look_at_end)
        task = self._asking[key]
        try:
            await asyncio.wait_for(asyncio.shield(task), PATIENCE_SECONDS if is_kept else None)
        except TimeoutError:  # it goes on, for the next client
            logger.info("%s is slow; what is kept is served", self.url)
        except UnreachableError as error:
            if not is_kept:
                raise self._unreachable(error) from error
        except RefusedError as error:
            self._refuse(error, is_kept)

    def _refuse(self, error: RefusedError, is_kept: bool) -> None:
        """Says no as upstream does, except for a repo that is not there: of that this hub's own answer is the same."""
        if not is_kept and error.code == "RevisionNotFound":
            raise ApiError(404, str(error), error.code)
        if not is_kept and error.status not in (401, 404):
            raise ApiError(error.status, f"{self.url} says: {error}", error.code)

    async def _ask_once(self, key: object, ask: Callable[[], Awaitable[None]]) -> None:
        try:
            await ask()
        except UnreachableError as error:
            logger.warning("upstream %s cannot be used: %s; what is kept is served", self.url, error)
            if not isinstance(error, UnusableError):
                self._silent_until, self._silence = time.monotonic() + CALM_SECONDS, str(error)
            raise
        except RefusedError as error:
            self._be_calm(key, error)
            raise
        else:
            self._be_calm(key, None)
        finally:
            del self._asking[key]

    def _be_calm(self, key: object, refusal: RefusedError | None) -> None:
        now = time.monotonic()
        self._answered = {known: answer for known, answer in self._answered.items() if answer[0] > now}
        self._answered[key] = now + CALM_SECONDS, refusal

    async def _copy_listing(self, name: RevisionName) -> None:
        """Takes over what upstream says of a revision and of its files, which come when they are asked for."""
        info = await self._client.get(f"{name.repo_path}/revision/{quoted(name.revision)}")
        sha = info.get("sha") if isinstance(info, dict) else None
        if not isinstance(sha, str) or not _SHA.fullmatch(sha):
            raise UnusableError("it does not tell the commit of a revision")
        files = None
        if not await asyncio.to_thread(self._has_commit, name, sha):
            listing = self._client.pages(f"{name.repo_path}/tree/{sha}?recursive=true")
            files = [item async for item in listing]
        await asyncio.to_thread(self._save_listing, name, info, files)

    def _has_commit(self, name: RevisionName, sha: str) -> bool:
        with self._store.database.read() as db:
            repo = find_repo(db, name.type, name.namespace, name.name)
            return repo is not None and mirrors.has_commit(db, repo, sha)

    def _save_listing(self, name: RevisionName, info: dict[str, Any], files: list[Any] | None) -> None:
        with self._store.database.write() as db:
            if mirrors.is_local_namespace(db, name.namespace):  # by now it is
                return
            save_listing(db, self.url, name.type, (name.namespace, name.name), name.revision, info, files)

    def _find_for_document(self, name: RevisionName, kind: DocumentKind) -> tuple[Repo, str, bool] | None:
        with self._store.database.read() as db:
            repo = find_repo(db, name.type, name.namespace, name.name)
            if repo is None or mirrors.origin_of_mirror(db, repo) != self.url:
                return None
            try:
                sha = "" if kind == "refs" else history.resolve(db, repo, name.revision).sha
            except ApiError:
                return None
            return repo, sha, mirrors.find_document(db, repo, kind, sha) is not None

    async def _copy_document(self, repo: Repo, kind: DocumentKind, sha: str) -> None:
        place = f"{api_path(repo.type, repo.namespace, repo.name)}/{kind}"
        if kind == "refs":
            body = await self._client.get(f"{place}?include_prs=1")
            if not isinstance(body, dict):
                raise UnusableError("it answers with something other than a list of refs")
        else:
            body = []
            async for item in self._client.pages(f"{place}/{sha}?expand[]=formatted"):
                body.append(item)
                if len(body) == MOST_COMMITS:
                    break
        await asyncio.to_thread(self._save_document, repo, kind, sha, body)

    def _save_document(self, repo: Repo, kind: DocumentKind, sha: str, body: Any) -> None:
        with self._store.database.write() as db:
            mirrors.save_document(db, repo, kind, sha, body)

    def _unreachable(self, reason: object) -> ApiError:
        return ApiError(503, f"This is not kept here, and {self.url} cannot be used: {reason}.")

    def _drop_abandoned_parts(self) -> None:
        oldest = time.time() - ABANDONED_SECONDS
        for path in self._folder.glob("*.part"):
            if path.stat().st_mtime < oldest:
                path.unlink()


def _look_at_end(task: asyncio.Task[Any]) -> None:
    """Those who wait for the task learn how it ended; where nobody does any more, that is no error."""
    if not task.cancelled():
        task.exception()
