"""`local-hub export`: repos with their whole history in one file, for another hub or to be kept."""

import argparse
import hashlib
import io
import json
import os
import sqlite3
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from local_hub.directory import flush, store_errors
from local_hub.errors import HubError
from local_hub.keeping.archive import (
    COMMIT_FIELDS,
    FOLDERS,
    FORMAT,
    LARGE,
    MANIFEST,
    PULL_REQUEST_FIELDS,
    SMALL,
    VERSION,
    ArchivedRepo,
)
from local_hub.keeping.opening import open_to_read
from local_hub.progress import Progress
from local_hub.repos.blobs import OBJECTS_FOLDER, object_path
from local_hub.repos.registry import now
from local_hub.repos.trees import DamagedFolderError, read_folder
from local_hub.sizes import format_bytes

BLOCK_BYTES = 1024**2


def add_export(commands: Any, place: argparse.ArgumentParser) -> None:
    """Adds the command to the command line."""
    text = "write repos with all their commits, refs and pull requests to one file; the hub may run"
    command = commands.add_parser("export", parents=[place], help=text, description=text)
    command.add_argument(
        "repos", nargs="*", metavar="REPO", help="namespace/name, or datasets/namespace/name"
    )
    command.add_argument("file", type=Path, metavar="FILE", help="the archive to write")
    command.add_argument("--all", action="store_true", help="every repo but copies of another Hub's")
    command.add_argument("--force", action="store_true", help="replace FILE if it is there")
    command.set_defaults(
        action=lambda options: export(options.dir, options.repos, options.file, options.all, options.force)
    )


def export(
    directory: Path, repos: Sequence[str], file: Path, every: bool = False, force: bool = False
) -> int:
    """Writes the archive wholly or not at all, and says what is in it."""
    if bool(repos) == every:
        raise HubError("Name the repos to export before the file, or all of them by --all.")
    if file.exists() and not force:
        raise HubError(f"{file} exists. Choose another name, or add --force to replace it.")
    with store_errors(directory), closing(open_to_read(directory)) as db:
        db.execute("BEGIN")
        keys = _all_keys(db) if every else [_key_of(db, repo) for repo in dict.fromkeys(repos)]
        archived = [_describe(db, key) for key in keys]
        try:
            contents = _Contents(db, directory / OBJECTS_FOLDER, archived)
            size = _write(file, archived, contents)
        except DamagedFolderError as error:
            raise HubError(
                f"Nothing was exported: {error}. See: local-hub verify --dir {directory}"
            ) from error
    print(f"exported {len(archived)} repo{'s' * (len(archived) != 1)} to {file} ({format_bytes(size)})")
    return 0


class _Contents:
    """The folders and files that repos need, each once."""

    def __init__(self, db: sqlite3.Connection, objects: Path, repos: Sequence[ArchivedRepo]) -> None:
        self._db = db
        self._objects = objects
        self.folders: set[str] = set()
        self.small: dict[str, int] = {}
        self.large: dict[str, int] = {}
        waiting = [commit["tree_id"] for repo in repos for commit in repo.commits]
        while waiting:
            tree_id = waiting.pop()
            if tree_id not in self.folders:
                self.folders.add(tree_id)
                waiting += self._list_folder(tree_id)

    def _list_folder(self, tree_id: str) -> list[str]:
        """Notes the files of a folder, and returns the folders in it."""
        entries = read_folder(self._db, tree_id).values()
        for entry in entries:
            if not entry.is_folder:
                (self.large if entry.kind == "lfs" else self.small)[entry.sha256] = entry.size
        return [entry.oid for entry in entries if entry.is_folder]

    @property
    def total_bytes(self) -> int:
        """How much the files take."""
        return sum(self.small.values()) + sum(self.large.values())

    def read_small(self) -> Iterator[tuple[str, bytes]]:
        """Folders and small files, each under its name in the archive."""
        for tree_id in sorted(self.folders):
            row = self._db.execute("SELECT entries FROM trees WHERE id = ?", (tree_id,)).fetchone()
            yield f"{FOLDERS}/{tree_id}", zlib.decompress(row["entries"])
        for sha256 in sorted(self.small):
            row = self._db.execute("SELECT content FROM contents WHERE sha256 = ?", (sha256,)).fetchone()
            if row is None or hashlib.sha256(row["content"]).hexdigest() != sha256:
                raise DamagedFolderError(f"the file {sha256} is missing or damaged")
            yield f"{SMALL}/{sha256}", row["content"]

    def open_large(self) -> Iterator[tuple[str, IO[bytes]]]:
        """Large files, open."""
        for sha256 in sorted(self.large):
            try:
                with object_path(self._objects, sha256).open("rb") as file:
                    yield f"{LARGE}/{sha256}", file
            except FileNotFoundError as error:
                raise DamagedFolderError(f"the file {sha256} is missing") from error


def _write(path: Path, repos: Sequence[ArchivedRepo], contents: _Contents) -> int:
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    try:
        # For its owner only: it may hold private repos.
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
                archive.copybufsize = BLOCK_BYTES  # type: ignore[attr-defined]  # 16 kB at a time otherwise
                _add_all(archive, repos, contents)
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.replace(unfinished, path)
    except OSError as error:
        raise HubError(f"The archive {path} cannot be written ({error.strerror}).") from error
    finally:
        unfinished.unlink(missing_ok=True)
    flush(path.absolute().parent)
    return size


def _add_all(archive: tarfile.TarFile, repos: Sequence[ArchivedRepo], contents: _Contents) -> None:
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "created_at": now(),
        "bytes": contents.total_bytes,
        "repos": [asdict(repo) for repo in repos],
    }
    _add(archive, MANIFEST, json.dumps(manifest, indent=1).encode())
    with Progress("exporting", contents.total_bytes) as progress:
        for name, content in contents.read_small():
            _add(archive, name, content)
            progress.add(0 if name.startswith(FOLDERS) else len(content))
        for name, file in contents.open_large():
            item = tarfile.TarInfo(name)
            item.size = os.fstat(file.fileno()).st_size
            hashed = _Hashed(file, progress)
            archive.addfile(item, hashed)
            if not name.endswith(hashed.sha256):
                raise DamagedFolderError(f"the file {name.removeprefix(LARGE)[1:]} is damaged")


class _Hashed(io.RawIOBase):
    """A file that is hashed as it is read."""

    def __init__(self, file: IO[bytes], progress: Progress) -> None:
        self._file = file
        self._progress = progress
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The hash of what has been read so far."""
        return self._hash.hexdigest()

    def read(self, size: int = -1) -> bytes:
        """Reads, hashes, and counts."""
        block = self._file.read(size)
        self._hash.update(block)
        self._progress.add(len(block))
        return block


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    item = tarfile.TarInfo(name)
    item.size = len(content)
    archive.addfile(item, io.BytesIO(content))


def _all_keys(db: sqlite3.Connection) -> list[int]:
    return [row["id"] for row in db.execute("SELECT id FROM repos ORDER BY id") if not _origin(db, row["id"])]


def _key_of(db: sqlite3.Connection, text: str) -> int:
    repo_type = "dataset" if text.startswith("datasets/") else "model"
    namespace, _, name = text.removeprefix("datasets/").partition("/")
    row = db.execute(
        "SELECT id FROM repos WHERE type = ? AND namespace = ? AND name = ?", (repo_type, namespace, name)
    ).fetchone()
    if row is None:
        raise HubError(
            f"There is no {repo_type} {namespace}/{name} here; datasets are named datasets/NAMESPACE/NAME."
        )
    origin = _origin(db, row["id"])
    if origin:
        raise HubError(
            f"{text} is a copy from {origin}, of which files may be lacking here: pull it where it is to be."
        )
    return int(row["id"])


def _origin(db: sqlite3.Connection, key: int) -> str | None:
    if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'upstream_repos'").fetchone():
        return None
    row = db.execute("SELECT origin FROM upstream_repos WHERE repo_id = ?", (key,)).fetchone()
    return None if row is None else str(row["origin"])


def _describe(db: sqlite3.Connection, key: int) -> ArchivedRepo:
    repo = db.execute("SELECT * FROM repos WHERE id = ?", (key,)).fetchone()
    refs = db.execute("SELECT kind, name, sha FROM refs WHERE repo_id = ? ORDER BY name", (key,)).fetchall()
    proposals = db.execute("SELECT * FROM pull_requests WHERE repo_id = ? ORDER BY number", (key,))
    commits = db.execute("SELECT * FROM commits WHERE repo_id = ? ORDER BY rowid", (key,))
    return ArchivedRepo(
        repo["type"],
        repo["namespace"],
        repo["name"],
        bool(repo["private"]),
        repo["gated"],
        repo["created_at"],
        {row["name"]: row["sha"] for row in refs if row["kind"] == "heads"},
        {row["name"]: row["sha"] for row in refs if row["kind"] == "tags"},
        [{name: row[name] for name in PULL_REQUEST_FIELDS} for row in proposals],
        # A store of format 1 has no salts.
        [{name: row[name] if name in row.keys() else None for name in COMMIT_FIELDS} for row in commits],  # noqa: SIM118
    )
