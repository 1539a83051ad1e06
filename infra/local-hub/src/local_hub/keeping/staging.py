"""Taking an archive in: every byte is checked against its hash and put aside, before the store is touched."""

import hashlib
import json
import os
import sqlite3
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from local_hub.errors import ApiError, HubError
from local_hub.keeping.archive import (
    COMMIT_FIELDS,
    DAMAGED,
    FOLDERS,
    LARGE,
    LARGEST_BYTES,
    MANIFEST,
    PULL_REQUEST_FIELDS,
    SMALL,
    ArchivedRepo,
    DamagedArchiveError,
    check_version,
    member_of,
)
from local_hub.progress import Progress
from local_hub.repos.blobs import BLOCK_BYTES
from local_hub.repos.contents import git_blob_id, lfs_pointer
from local_hub.repos.history import commit_id
from local_hub.repos.names import MAX_PATH_DEPTH, REPO_TYPES, check_path, check_ref_name, check_repo_name
from local_hub.repos.trees import EMPTY, Entry, folder_id

_TABLES = """
CREATE TABLE trees (id TEXT PRIMARY KEY, entries BLOB NOT NULL);
CREATE TABLE contents (sha256 TEXT PRIMARY KEY, content BLOB NOT NULL);
"""


class Staging:
    """A folder with what an archive holds: `large/<sha256>`, and the rest in `small.sqlite3`."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "small.sqlite3"
        self.large: dict[str, int] = {}
        self._small: dict[str, tuple[int, str]] = {}
        self._folders: dict[str, list[Entry]] = {}
        self._folder = folder
        self._db = sqlite3.connect(self.database, isolation_level=None)
        self._db.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _TABLES + "BEGIN;")

    def path(self, sha256: str) -> Path:
        """Where a large file lies."""
        return self._folder / sha256

    def take(self, archive: tarfile.TarFile, progress: Progress) -> None:
        """Takes all that follows the manifest."""
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # it would remember them all
            kind, name = member_of(member.name)
            content = open_member(archive, member)
            if kind == LARGE:
                self._take_large(name, content, progress)
            elif kind == SMALL:
                self._take_small(name, read_small(content, member, SMALL), progress)
            else:
                self._take_folder(name, read_small(content, member, FOLDERS))
        self._db.execute("COMMIT")
        self._db.close()

    def check(self, repos: list[ArchivedRepo]) -> None:
        """Raises `DamagedArchiveError` unless all that the commits lead to is here, and says the same of itself."""
        heights: dict[str, int] = {}
        for repo in repos:
            for commit in repo.commits:
                self._check_folder(commit["tree_id"], heights)

    def files_of(self, repo: ArchivedRepo) -> tuple[dict[str, int], int]:
        """The large files of a repo with their sizes, and the bytes of its small ones."""
        large: dict[str, int] = {}
        small: dict[str, int] = {}
        waiting, seen = [commit["tree_id"] for commit in repo.commits], set()
        while waiting:
            tree_id = waiting.pop()
            if tree_id not in seen:
                seen.add(tree_id)
                for entry in self._folders[tree_id]:
                    if entry.is_folder:
                        waiting.append(entry.oid)
                    else:
                        (large if entry.kind == "lfs" else small)[entry.sha256] = entry.size
        return large, sum(small.values())

    def _take_large(self, sha256: str, content: IO[bytes], progress: Progress) -> None:
        digest, size = hashlib.sha256(), 0
        with self.path(sha256).open("wb") as file:
            while block := content.read(BLOCK_BYTES):
                digest.update(block)
                file.write(block)
                size += len(block)
                progress.add(len(block))
            file.flush()
            os.fsync(file.fileno())
        check_hash(sha256, digest.hexdigest())
        self.large[sha256] = size

    def _take_small(self, sha256: str, content: bytes, progress: Progress) -> None:
        check_hash(sha256, hashlib.sha256(content).hexdigest())
        self._small[sha256] = len(content), git_blob_id(content)
        self._db.execute("INSERT OR IGNORE INTO contents VALUES (?, ?)", (sha256, content))
        progress.add(len(content))

    def _take_folder(self, tree_id: str, content: bytes) -> None:
        check_hash(tree_id, folder_id(content))
        try:
            entries = [(name, Entry(*fields)) for name, *fields in json.loads(content)]
            for name, entry in entries:
                check_path(name)
                if "/" in name or not _is_entry(entry):
                    raise ValueError(name)
            if EMPTY.changed(dict(entries)) != content:
                raise ValueError("it is not written as folders are")
        except (ApiError, AttributeError, TypeError, ValueError) as error:
            raise DamagedArchiveError(DAMAGED.format(f"{tree_id} is no folder")) from error
        self._folders[tree_id] = [entry for _, entry in entries]
        self._db.execute("INSERT OR IGNORE INTO trees VALUES (?, ?)", (tree_id, zlib.compress(content, 1)))

    def _check_folder(self, tree_id: str, heights: dict[str, int]) -> int:
        """How many folders are below each other, which is limited as in a commit."""
        if tree_id in heights:
            return heights[tree_id]
        if tree_id not in self._folders:
            raise DamagedArchiveError(DAMAGED.format(f"the folder {tree_id} is missing"))
        height = 0
        for entry in self._folders[tree_id]:
            if entry.is_folder:
                height = max(height, self._check_folder(entry.oid, heights))
            else:
                self._check_file(entry)
        if height == MAX_PATH_DEPTH:
            raise DamagedArchiveError(DAMAGED.format("its folders are nested too deeply"))
        heights[tree_id] = height + 1
        return height + 1

    def _check_file(self, entry: Entry) -> None:
        if entry.kind == "lfs":
            size = self.large.get(entry.sha256)
            found = size, git_blob_id(lfs_pointer(entry.sha256, size or 0))
        else:
            found = self._small.get(entry.sha256, (None, ""))
        if found != (entry.size, entry.oid):
            raise DamagedArchiveError(DAMAGED.format(f"the file {entry.sha256} is missing or another one"))


def _is_entry(entry: Entry) -> bool:
    texts = (entry.oid, entry.sha256)
    kind_is_known = entry.kind in ("folder", "file", "lfs")
    return kind_is_known and type(entry.size) is int and all(isinstance(text, str) for text in texts)


def check_hash(expected: str, found: str) -> None:
    """Raises `DamagedArchiveError` unless the hashes are the same."""
    if expected != found:
        raise DamagedArchiveError(DAMAGED.format(f"what it holds as {expected} has the hash {found}"))


@contextmanager
def open_archive(path: Path) -> Iterator[tarfile.TarFile]:
    """The archive; whatever is wrong with the file becomes `DamagedArchiveError`."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise HubError(f"{path} cannot be read ({error.strerror}).") from error
    try:
        with file, tarfile.open(fileobj=file, mode="r:") as archive:
            yield archive
    except (tarfile.TarError, EOFError) as error:
        raise DamagedArchiveError(
            f"{path} is no archive of local-hub export, or was cut off ({error})."
        ) from error
    except RecursionError as error:
        raise DamagedArchiveError(DAMAGED.format("it is nested too deeply")) from error


def read_manifest(archive: tarfile.TarFile) -> tuple[dict[str, Any], list[ArchivedRepo]]:
    """The first member, and the repos in it, checked in themselves."""
    member = archive.next()
    if member is None or member.name != MANIFEST:
        raise DamagedArchiveError("The file is no archive that local-hub export has written.")
    content = read_small(open_member(archive, member), member, MANIFEST)
    try:
        manifest = check_version(json.loads(content))
        repos = [ArchivedRepo(**repo) for repo in manifest["repos"]]
        for repo in repos:
            _check_repo(repo)
        if type(manifest["bytes"]) is not int:
            raise TypeError("bytes")
    except ApiError as error:
        raise DamagedArchiveError(DAMAGED.format(error.message)) from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DamagedArchiveError(DAMAGED.format(f"its manifest is none ({error})")) from error
    return manifest, repos


def _check_repo(repo: ArchivedRepo) -> None:
    """Raises what `read_manifest` expects unless names are such, commits have their ids, and refs lead to them."""
    if repo.type not in REPO_TYPES or repo.gated not in (None, "auto", "manual"):
        raise ValueError(f"the type of {repo.name}")
    check_repo_name(repo.namespace)
    check_repo_name(repo.name)
    for name in (*repo.branches, *repo.tags):
        check_ref_name(name)
    known = {commit["sha"] for commit in repo.commits}
    for commit in repo.commits:
        _check_commit(commit, known)
    for proposal in repo.pull_requests:
        if set(proposal) != set(PULL_REQUEST_FIELDS):
            raise ValueError("a pull request")
    ends = [
        *repo.branches.values(),
        *repo.tags.values(),
        *(proposal["sha"] for proposal in repo.pull_requests),
    ]
    if not known.issuperset(ends) or "main" not in repo.branches:
        raise ValueError(f"a ref of {repo.id} leads nowhere")


def _check_commit(commit: dict[str, Any], known: set[str]) -> None:
    said = {name: commit[name] for name in COMMIT_FIELDS if name not in ("sha", "salt")}
    optional = (commit["parent"], commit["salt"])
    texts = [value for name, value in said.items() if name != "parent"]
    if not all(isinstance(text, str) for text in texts) or not all(
        isinstance(text, str | None) for text in optional
    ):
        raise ValueError("a commit")
    if commit["salt"] is not None:  # commits of hubs before format 2 have none
        check_hash(commit["sha"], commit_id(**said, salt=commit["salt"]))
    if commit["parent"] is not None and commit["parent"] not in known:
        raise ValueError(f"the commit before {commit['sha']} is missing")


def open_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    """A member's content; raises `DamagedArchiveError` for links, folders and devices."""
    content = archive.extractfile(member) if member.isreg() else None
    if content is None:
        raise DamagedArchiveError(DAMAGED.format(f"{member.name} is no file"))
    return content


def read_small(content: IO[bytes], member: tarfile.TarInfo, kind: str) -> bytes:
    """A member that fits into memory; raises `DamagedArchiveError` for one that is larger than export writes."""
    if member.size > LARGEST_BYTES[kind]:
        raise DamagedArchiveError(DAMAGED.format(f"{member.name} is larger than it could be"))
    return content.read()
