"""Copies of upstream's repos: what a revision is there, and its files, each asked for once."""

import asyncio
import errno
import logging
import re
import time
from functools import partial
from typing import Any

from local_hub.directory import flush
from local_hub.errors import ApiError
from local_hub.repos import history, mirrors
from local_hub.repos.lfs import Ticket, record_large_file
from local_hub.repos.mirrors import DocumentKind
from local_hub.repos.names import RepoType, is_repo_name, quoted, url_prefix
from local_hub.repos.registry import Repo, find_repo
from local_hub.repos.store import RepoStore
from local_hub.repos.trees import Entry
from local_hub.upstream.address import UpstreamAddress
from local_hub.upstream.asking import Asking, look_at_end
from local_hub.upstream.client import (
    NotConnectedError,
    RefusedError,
    UnreachableError,
    UnusableError,
    UpstreamClient,
)
from local_hub.upstream.download import Download, WrongContentError
from local_hub.upstream.listing import save_listing
from local_hub.upstream.refusals import GATED, explain_file_refusal, explain_unreachable
from local_hub.upstream.revision import RevisionName, api_path

logger = logging.getLogger("local_hub.upstream")

PARTIAL_FOLDER = "upstream"
# For so long wrong bytes are not fetched again.
WRONG_SECONDS = 10.0
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
        self._asking = Asking(address.url)
        self._wrong: dict[str, tuple[float, ApiError]] = {}
        self._downloads: dict[str, tuple[Download, asyncio.Task[None]]] = {}

    async def close(self) -> None:
        """Ends what is under way; parts of files stay for the next start."""
        await self._asking.close()
        tasks = [task for _, task in self._downloads.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.close()

    async def prepare(self, name: RevisionName) -> bool:
        """Makes sure that a revision is known here as it is upstream, unless it is this hub's own affair.

        Returns whether it is: what is kept may have moved, where upstream gives no answer or is another than it was.

        Raises:
            ApiError: it is not known here, and upstream cannot be asked.
        """
        state = await asyncio.to_thread(self._state, name)
        if state in ("settled", "foreign"):
            return state == "settled"
        return await self._asking.ask(name, partial(self._copy_listing, name), is_kept=state == "kept")

    async def find_full_name(self, repo_type: RepoType, name: str) -> str | None:
        """What upstream calls a repo that is named without a namespace, such as `gpt2`; a copy of its main is made."""
        short = RevisionName(repo_type, "", name, history.MAIN)
        await self.prepare(short)
        repo = await asyncio.to_thread(self._find_copy, short)
        return repo.id if repo else None

    async def prepare_document(self, name: RevisionName, kind: DocumentKind) -> None:
        """Makes sure that the history or the refs of a copy are here."""
        found = await asyncio.to_thread(self._find_for_document, name, kind)
        if found is not None:
            repo, sha, is_kept = found
            if not is_kept or kind == "refs":
                await self._asking.ask(
                    (repo.key, kind, sha), partial(self._copy_document, repo, kind, sha), is_kept=is_kept
                )

    async def check_gate(self, name: RevisionName) -> None:
        """Raises `ApiError` where upstream has a gate before a repo's files that this hub's token does not open."""
        repo = await asyncio.to_thread(self._find_copy, name)
        if repo is None or repo.gated is None:
            return
        path = f"{api_path(repo.type, repo.namespace, repo.name)}/auth-check"
        try:
            await self._asking.ask((repo.key, "gate"), partial(self._client.check, path), is_kept=False)
        except ApiError as error:
            if error.code == GATED:
                raise

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
            self._asking.check_answers()
            files = f"/{url_prefix(repo.type)}{quoted(repo.namespace)}/{quoted(repo.name)}"
            address = f"{files}/resolve/{sha}/{'/'.join(map(quoted, path.split('/')))}"
            made = Download(self._client, address, entry, self._folder / f"{key}.part")
            self._store.room.check_disk(entry.size - made.received)
            task = asyncio.create_task(self._fetch(key, made, f"{path} of {repo.id}"))
            task.add_done_callback(look_at_end)
            self._downloads[key] = made, task
        under_way = self._downloads[key]
        under_way[0].repos.add(repo.key)
        return under_way

    async def _fetch(self, key: str, download: Download, title: str) -> None:
        try:
            await download.fetch()
            await asyncio.to_thread(self._keep, download)
        except UnreachableError as error:
            if isinstance(error, NotConnectedError):
                self._asking.note_silence(error)
            raise explain_unreachable(self.url, error) from error
        except RefusedError as error:
            raise explain_file_refusal(self.url, title, error) from error
        except WrongContentError as error:
            await asyncio.to_thread(self._note_wrong, download.entry)
            message = f"{self.url} sends other bytes for {title} than its hash is for. None of them was kept."
            logger.error(message)
            refusal = ApiError(502, message)
            self._wrong[key] = (time.monotonic() + WRONG_SECONDS, refusal)
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
        """`settled`: upstream has no say in it; `kept`: it may have moved; `foreign`: elsewhere; `missing`."""
        if not (is_repo_name(name.namespace or name.name) and is_repo_name(name.name)):
            return "settled"
        with self._store.database.read() as db:
            if mirrors.is_local_namespace(db, name.namespace):
                return "settled"
            repo = find_repo(db, name.type, name.namespace, name.name)
            if repo is None:
                return "missing"
            origin = mirrors.origin_of_mirror(db, repo)
            if origin is None:
                return "settled"
            is_ours = origin == self.url  # commits of two Hubs are not mixed
            try:
                commit = history.resolve(db, repo, name.revision)
            except ApiError:
                return "missing" if is_ours else "foreign"
            if commit.sha == name.revision:
                return "settled"
            return "kept" if is_ours else "foreign"

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
        repo = self._find_copy(name)
        if repo is None:
            return None
        with self._store.database.read() as db:
            try:
                sha = "" if kind == "refs" else history.resolve(db, repo, name.revision).sha
            except ApiError:
                return None
            return repo, sha, mirrors.find_document(db, repo, kind, sha) is not None

    def _find_copy(self, name: RevisionName) -> Repo | None:
        with self._store.database.read() as db:
            repo = find_repo(db, name.type, name.namespace, name.name)
            return repo if repo is not None and mirrors.origin_of_mirror(db, repo) == self.url else None

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

    def _drop_abandoned_parts(self) -> None:
        oldest = time.time() - ABANDONED_SECONDS
        for path in self._folder.glob("*.part"):
            if path.stat().st_mtime < oldest:
                path.unlink()
