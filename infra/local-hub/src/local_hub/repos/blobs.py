"""Large files on disk, each under its SHA-256: `objects/ab/cdef…`."""

import hashlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Set
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from local_hub.appending import Appender, Piece
from local_hub.directory import flush

OBJECTS_FOLDER = "objects"
# So much of a content is read, hashed and written at a time.
BLOCK_BYTES = 2 * 1024**2


def object_path(objects: Path, sha256: str) -> Path:
    """Where a content lies below the folder of all, or would lie."""
    return objects / sha256[:2] / sha256[2:]


def remove_upload(path: Path) -> None:
    """Removes an unfinished upload, or the parts of one."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


class BlobStore:
    """The large files of every repo. A content is either there, whole and on disk, or not there at all.

    Names that clients choose never reach the file system. New content is written under `incoming/`, in
    the same file system, and moved into place when it is complete and flushed.
    """

    def __init__(self, directory: Path) -> None:
        self._objects = directory / OBJECTS_FOLDER
        self._incoming = directory / "incoming"
        self._moving = threading.Lock()
        for folder in (self._objects, self._incoming):
            folder.mkdir(parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where a content lies, or would lie."""
        return object_path(self._objects, sha256)

    def exists(self, sha256: str) -> bool:
        """Whether the content is there."""
        return self.path(sha256).is_file()

    def last_wanted(self, sha256: str) -> float:
        """When the content was uploaded or last asked for, in seconds since 1970; 0 if it is not there."""
        try:
            return self.path(sha256).stat().st_mtime
        except FileNotFoundError:
            return 0.0

    def note_wanted(self, sha256: str) -> bool:
        """Remembers that a client was told of the content, and will commit it; False if it is not there."""
        try:
            os.utime(self.path(sha256))
        except FileNotFoundError:
            return False
        return True

    def receive(self) -> "IncomingBlob":
        """Begins a new content, to be used in a `with` statement."""
        return IncomingBlob(self, self._incoming / secrets.token_hex(16))

    def receive_part(self) -> "IncomingPart":
        """Begins a part of a content, to be used in a `with` statement."""
        return IncomingPart(self, self._incoming / secrets.token_hex(16))

    def sweep(self, needed: Set[str]) -> None:
        """Removes every content that nothing needs any more; only before anything is uploaded."""
        for path in self._objects.glob("*/*"):
            if path.parent.name + path.name not in needed:
                path.unlink()

    def list_unwanted(self, needed: Set[str], oldest: float) -> Iterator[tuple[str, int]]:
        """The contents that are not needed and that nobody has wanted since `oldest`, with their sizes in bytes."""
        for path in self._objects.glob("*/*"):
            sha256, state = path.parent.name + path.name, path.stat()
            if sha256 not in needed and state.st_mtime < oldest:
                yield sha256, state.st_size

    def remove_unwanted(self, sha256: str, oldest: float) -> bool:
        """Removes a content unless it came anew since `oldest`; returns whether it did."""
        with self._moving:
            if self.last_wanted(sha256) >= oldest:
                return False
            self.path(sha256).unlink(missing_ok=True)
        return True

    def place(self, path: Path, sha256: str) -> None:
        """Moves a file that is complete and flushed to where its content belongs, for good."""
        target = self.path(sha256)
        target.parent.mkdir(exist_ok=True)
        with self._moving:
            os.replace(path, target)
        flush(target.parent)
        flush(target.parent.parent)

    def drop_unfinished(self) -> None:
        """Removes what interrupted uploads have left behind; only before anything is uploaded."""
        for path in self._incoming.iterdir():
            remove_upload(path)

    def list_quiet(self, oldest: float) -> Iterator[tuple[Path, int]]:
        """The unfinished uploads to which nothing has come since `oldest`, with their sizes in bytes."""
        for path in self._incoming.iterdir():
            try:
                if path.stat().st_mtime < oldest:
                    yield path, sum(file.stat().st_size for file in (path, *path.glob("*")) if file.is_file())
            except FileNotFoundError:  # its upload has just ended
                continue

    def parts_folder(self, upload: str) -> Path:
        """The folder that collects the parts of a multipart upload; swept like any unfinished upload."""
        folder = self._incoming / f"parts-{upload}"
        folder.mkdir(exist_ok=True)
        return folder

    def drop_quiet_parts(self, prefix: str, seconds: float) -> None:
        """Removes the parts of uploads of that kind to which nothing has come for so long."""
        oldest = time.time() - seconds
        for folder in self._incoming.glob(f"parts-{prefix}*"):
            if folder.stat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)

    def has_parts(self, upload: str) -> bool:
        """Whether an upload has a folder for its parts."""
        return (self._incoming / f"parts-{upload}").exists()

    def drop_parts(self, upload: str) -> None:
        """Removes the parts of a multipart upload."""
        shutil.rmtree(self._incoming / f"parts-{upload}", ignore_errors=True)


class IncomingPart:
    """Bytes on their way in; gone at the end of `with` unless they were kept."""

    def __init__(self, store: BlobStore, path: Path) -> None:
        self.size = 0
        self._store = store
        self._path = path
        self._file = path.open("xb", buffering=0)
        self._appender = Appender(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)

    def write(self, *pieces: Piece) -> None:
        """Appends pieces, one behind the other."""
        self.size += self._appender.append(pieces)

    def copy_to(self, file: BinaryIO) -> None:
        """Appends the bytes to another file."""
        with self._path.open("rb") as source:
            shutil.copyfileobj(source, file, BLOCK_BYTES)

    def keep_as_part(self, upload: str, number: int) -> None:
        """Puts the bytes among the parts of an upload; nothing needs flushing before the whole is there."""
        os.replace(self._path, self._store.parts_folder(upload) / str(number))


class IncomingBlob(IncomingPart):
    """A whole content on its way in, hashed as it is written."""

    def __init__(self, store: BlobStore, path: Path) -> None:
        super().__init__(store, path)
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The hash of what has been written so far."""
        return self._hash.hexdigest()

    def write(self, *pieces: Piece) -> None:
        """Appends pieces, one behind the other."""
        super().write(*pieces)
        for piece in pieces:
            self._hash.update(piece)

    def keep(self) -> None:
        """Puts the content in its place for good."""
        os.fsync(self._file.fileno())
        self._store.place(self._path, self.sha256)
