"""Laying out the volumes of a job as folders, and taking what it changes in buckets back."""

import errno
import os
import shutil
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from local_hub.buckets.files import clashing_path, delete_file, files_below, find_file, put_file
from local_hub.buckets.registry import Bucket, find_bucket, find_bucket_by_key
from local_hub.buckets.uploads import forgetting_former
from local_hub.errors import ApiError
from local_hub.jobs.executors.base import ExecutorError, Say
from local_hub.jobs.log import format_time
from local_hub.jobs.volumes import Mount, Volume
from local_hub.repos import history
from local_hub.repos.blobs import BLOCK_BYTES
from local_hub.repos.contents import find_content
from local_hub.repos.names import check_path
from local_hub.repos.registry import find_repo
from local_hub.repos.store import RepoStore
from local_hub.repos.trees import Entry, find_entry, walk_files

FILE_MODE, FOLDER_MODE = 0o600, 0o700
READ_ONLY_FILE_MODE, READ_ONLY_FOLDER_MODE = 0o400, 0o500

# Size and time of change of each file, in nanoseconds, by which a change shows.
Files = dict[str, tuple[int, int]]
# Writes a file's content to the path.
Write = Callable[[Path], object]


@dataclass(frozen=True)
class _File:
    """A file to be laid out; `path` is below the volume, and `size` in bytes."""

    path: str
    size: int
    write: Write


@dataclass(frozen=True)
class BucketMount(Mount):
    """A bucket that the job may write to, and the files in the folder as they are in the bucket."""

    bucket: Bucket
    saved: Files


class VolumeStore:
    """The buckets and repos of one hub, as volumes."""

    def __init__(self, store: RepoStore) -> None:
        self._store = store

    def lay_out(self, volumes: Sequence[Volume], folder: Path) -> list[Mount]:
        """Copies each volume into a folder of its own below `folder`; raises `ExecutorError` if it is not there."""
        folder = folder.absolute()
        return [self._lay_out(volume, folder / str(number)) for number, volume in enumerate(volumes)]

    def save(self, mounts: Sequence[Mount], say: Say, quiet_seconds: float = 0) -> None:
        """Puts what has changed in the folders of buckets into the buckets; raises `ExecutorError`.

        Of a job that runs, only files that have been quiet for so long: others are being written.
        """
        newest = time.time_ns() - int(quiet_seconds * 1e9)
        for mount in mounts:
            if isinstance(mount, BucketMount):
                with _explained(f"cannot save {mount.volume.mount_path} to {mount.volume.source}"):
                    self._save(mount, say, newest if quiet_seconds else None)

    def _lay_out(self, volume: Volume, folder: Path) -> Mount:
        with _explained(f"cannot mount {volume.type} {volume.source} at {volume.mount_path}"):
            folder.mkdir(FOLDER_MODE, parents=True)
            with self._store.database.read() as db:
                if volume.type == "bucket":
                    bucket = _bucket(db, volume)
                    files = list(self._files_of_bucket(db, bucket, volume))
                else:
                    files = list(self._files_of_repo(db, volume))
                self._store.room.check_disk(sum(file.size for file in files))
                for file in files:
                    _write_file(folder / file.path, file.write)
            if volume.read_only:
                _forbid_writing(folder)
            elif volume.type == "bucket":
                return BucketMount(volume, folder, bucket, dict(_list_files(folder)))
            return Mount(volume, folder)

    def _files_of_bucket(self, db: sqlite3.Connection, bucket: Bucket, volume: Volume) -> Iterator[_File]:
        prefix = f"{volume.path}/" if volume.path else ""
        for file in files_below(db, bucket.key, prefix):
            copy = partial(_copy_blob, bucket.id, self._store.blobs.path(file.sha256))
            yield _File(file.path.removeprefix(prefix), file.size, copy)

    def _files_of_repo(self, db: sqlite3.Connection, volume: Volume) -> Iterator[_File]:
        assert volume.type != "bucket"
        repo = find_repo(db, volume.type, *volume.names)
        if repo is None:
            raise ExecutorError("it is not there any more")
        root = find_entry(db, history.resolve(db, repo, volume.revision).tree_id, volume.path)
        if root is None or not root.is_folder:
            raise ExecutorError(f"it has no folder {volume.path} at {volume.revision}")
        for path, entry in walk_files(db, root.oid):
            copy = partial(_copy_blob, repo.id, self._store.blobs.path(entry.sha256))
            yield _File(
                path, entry.size, copy if entry.kind == "lfs" else partial(_write_content, repo.id, db, entry)
            )

    def _save(self, mount: BucketMount, say: Say, newest: int | None) -> None:
        after = dict(_list_files(mount.folder))
        changed = sorted(
            path
            for path, state in after.items()
            if mount.saved.get(path) != state and (newest is None or state[1] <= newest)
        )
        gone = sorted(mount.saved.keys() - after.keys())
        self._store.room.check_disk(sum(after[path][0] for path in changed))
        contents = {}
        for path in changed:
            with suppress(FileNotFoundError):  # the job has removed it meanwhile
                contents[path] = self._store_content(mount.folder, path)
        prefix = f"{mount.volume.path}/" if mount.volume.path else ""
        with self._store.database.write() as db:
            bucket = find_bucket_by_key(db, mount.bucket.key)
            if bucket is None:
                raise ExecutorError("the bucket was deleted while the job ran")
            with forgetting_former(db, bucket.key):
                for path in gone:
                    delete_file(db, bucket.key, prefix + path)
                refused = {
                    path: reason
                    for path, content in contents.items()
                    if (reason := self._put(db, bucket, prefix + path, content, after[path][1]))
                }
        for path in gone:
            del mount.saved[path]
        mount.saved.update({path: after[path] for path in contents if path not in refused})
        if contents or gone:
            saved = len(contents) - len(refused)
            say(f"saved {mount.volume.mount_path} to {bucket.id}: {saved} changed, {len(gone)} gone")
        if refused:
            raise ExecutorError("; ".join(refused.values()))

    def _put(
        self, db: sqlite3.Connection, bucket: Bucket, path: str, content: tuple[str, int], changed: int
    ) -> str | None:
        """Adds a file, which goes by its SHA-256 as it never came by Xet; returns why it cannot be there."""
        try:
            check_path(path)
            before = find_file(db, bucket.key, path)
            self._store.room.check_quota(
                db, bucket.namespace, max(0, content[1] - (before.size if before else 0))
            )
        except ApiError as error:
            return error.message
        clash = clashing_path(db, bucket.key, path)
        if clash is not None:
            return f"{clash} is a file in the bucket, so that {path} cannot be one too"
        put_file(db, bucket.key, path, content[0], content, format_time(changed / 1e9))
        return None

    def _store_content(self, folder: Path, path: str) -> tuple[str, int]:
        """Puts a file of the job's into the store; its SHA-256 and its size."""
        with self._store.blobs.receive() as incoming:
            with os.fdopen(open_below(folder, path), "rb", buffering=0) as file:
                while block := file.read(BLOCK_BYTES):
                    incoming.write(block)
            incoming.keep()
        return incoming.sha256, incoming.size


@contextmanager
def _explained(purpose: str) -> Iterator[None]:
    try:
        yield
    except ExecutorError as error:
        raise ExecutorError(f"{purpose}: {error}") from error
    except ApiError as error:
        raise ExecutorError(f"{purpose}: {error.message}") from error
    except OSError as error:
        raise ExecutorError(f"{purpose}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise ExecutorError(f"{purpose}: {error}") from error


def _bucket(db: sqlite3.Connection, volume: Volume) -> Bucket:
    bucket = find_bucket(db, *volume.names)
    if bucket is None:
        raise ExecutorError("it is not there any more")
    return bucket


def _copy_blob(owner: str, source: Path, target: Path) -> None:
    """A copy, and no link: a job that writes must not change what others read."""
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError as error:
        raise _not_kept(owner, target) from error


def _write_content(owner: str, db: sqlite3.Connection, entry: Entry, target: Path) -> None:
    content = find_content(db, entry)
    if content is None:
        raise _not_kept(owner, target)
    target.write_bytes(content)


def _not_kept(owner: str, target: Path) -> ExecutorError:
    """Of a copy of a repo of upstream not all has to be here."""
    return ExecutorError(f"{target.name} is not kept here; fetch it with local-hub pull {owner}")


def _write_file(path: Path, write: Write) -> None:
    path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
    write(path)
    path.chmod(FILE_MODE)


def _forbid_writing(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        path.chmod(READ_ONLY_FOLDER_MODE if path.is_dir() else READ_ONLY_FILE_MODE)


def open_below(folder: Path, path: str) -> int:
    """A descriptor of a file below a folder of a job's that may run.

    Raises `OSError` where the job has put a link or a pipe in the place of it, or of a folder on the way: a link leads
    anywhere on this machine, also out of a container.
    """
    *parents, name = path.split("/")
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for parent in parents:
            below = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = below
        found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=at)
    finally:
        os.close(at)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(errno.EINVAL, f"{path} is no file any more")
    return found


def _list_files(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """The files below a folder, but no links: they may lead anywhere. A job may remove files meanwhile."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            try:
                state = path.lstat()
            except FileNotFoundError:
                continue
            if stat.S_ISREG(state.st_mode):
                yield path.relative_to(folder).as_posix(), (state.st_size, state.st_mtime_ns)
