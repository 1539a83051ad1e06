"""What has arrived of each upload: the contents of its chunks, one behind the other in one file, the log.

Chunks arrive in the order in which files hold them. So the log of a large file mostly is that file in the end, which is
written and hashed once, while it comes. What is known of a log is in memory: when the hub ends, uploads do, and what is
left of them on the disk goes when it starts again.
"""

import asyncio
import hashlib
import os
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from starlette.requests import Request

from local_hub.appending import MOST_PIECES, Appender, Piece
from local_hub.errors import ApiError
from local_hub.repos.blobs import BLOCK_BYTES, BlobStore, IncomingPart
from local_hub.xet.shards import ShardFile, Term
from local_hub.xet.unpacking import Unpacker
from local_hub.xet.xorbs import Run, Xorb

LARGEST_XORB_BYTES = 128 * 1024**2
# Twice what a client puts into one: as many of the smallest as it may have bytes.
MOST_CHUNKS = 16 * 1024
TOO_LARGE = f"A xorb has at most {LARGEST_XORB_BYTES} bytes"
_LOG = "chunks"


class Upload:
    """One upload. Whoever changes it holds its lock: xorbs arrive one after the other, and then files are made."""

    def __init__(self, blobs: BlobStore, session: str) -> None:
        self.lock = asyncio.Lock()
        self._blobs = blobs
        self._session = session
        self._xorbs: dict[str, Xorb] = {}
        self._begin_log()

    @property
    def log(self) -> Path:
        """The contents of the chunks that have not been stored yet, and of some that have."""
        return self._blobs.parts_folder(self._session) / _LOG

    @property
    def size(self) -> int:
        """How many bytes have arrived that may not be stored yet."""
        return self._end

    def has(self, name: str) -> bool:
        """Whether the xorb has arrived."""
        return name in self._xorbs

    def receive(self, name: str) -> "IncomingXorb":
        """Begins a new xorb, to be used in a `with` statement."""
        # Sweeps look at the folder's time, which the log's growth does not change.
        os.utime(self.log.parent)
        return IncomingXorb(self, name, self.log, self._end, self._hashes[-1][1].copy())

    def add(self, name: str, xorb: Xorb, end: int, log_hash: "hashlib._Hash") -> None:
        """Takes a xorb whose chunks are in the log, which ends there now and has that hash."""
        self._xorbs[name] = xorb
        self._end = end
        self._hashes.append((end, log_hash))

    def chunks(self, terms: Sequence[Term]) -> Iterator[bytes]:
        """The contents of runs of chunks; raises 400 where they have not been uploaded."""
        for term in terms:
            xorb, first = self._find(term), term.first
            while first < term.last:
                path, offset, last = self._place(xorb, first)
                last = min(last, term.last)
                with path.open("rb") as file:
                    file.seek(offset)
                    for index in range(first, last):
                        yield file.read(xorb.size(index, index + 1))
                first = last

    def find_heir(self, files: Sequence[ShardFile]) -> ShardFile | None:
        """The file that begins as the log does, and goes on so for at least a half of it."""
        return next(
            (file for file in files if 2 * self.count_leading(file.terms)[1] >= (file.size or 1)), None
        )

    def count_leading(self, terms: Sequence[Term]) -> tuple[int, int]:
        """How many of the terms the log begins with, and how many bytes they are."""
        end = 0
        for count, term in enumerate(terms):
            xorb = self._xorbs.get(term.xorb)
            if (
                xorb is None
                or xorb.start is None
                or not xorb.has(term)
                or xorb.start + xorb.size(0, term.first) != end
            ):
                return count, end
            end += xorb.size(term.first, term.last)
        return len(terms), end

    def is_spare(self, terms: Sequence[Term]) -> bool:
        """Whether nobody would miss the log but these terms: all others of its chunks are stored."""
        done = {name: xorb.is_stored[:] for name, xorb in self._xorbs.items() if xorb.start is not None}
        for term in terms:
            if self._find(term).start is not None:
                done[term.xorb][term.first : term.last] = b"\1" * (term.last - term.first)
        return not any(b"\0" in chunks for chunks in done.values())

    def hash_log(self, end: int) -> "hashlib._Hash":
        """The hash of the log up to there, most of which was made as it came."""
        offset, begun = next((at, made) for at, made in reversed(self._hashes) if at <= end)
        made = begun.copy()
        with self.log.open("rb") as file:
            file.seek(offset)
            while offset < end:
                block = file.read(min(BLOCK_BYTES, end - offset))
                made.update(block)
                offset += len(block)
        return made

    def take_log(self, end: int, rest: IncomingPart, sha256: str) -> None:
        """Makes the log up to there, and the rest behind it, a stored content; afterwards there is no log."""
        try:
            with self.log.open("r+b") as file:
                file.truncate(end)
                file.seek(end)
                rest.copy_to(file)
                file.flush()
                os.fsync(file.fileno())
            self._blobs.place(self.log, sha256)
        finally:
            self._forget_log()

    def note(self, terms: Sequence[Term], sha256: str) -> None:
        """Remembers that a content with that hash, which consists of these terms, has been stored."""
        offset = 0
        for term in terms:
            xorb = self._find(term)
            xorb.note(Run(term.first, term.last, sha256, offset))
            offset += xorb.size(term.first, term.last)

    def drop_stored(self) -> None:
        """Removes the log if all its chunks have been stored."""
        if self._end and self.is_spare(()):
            self._forget_log()

    def _forget_log(self) -> None:
        """From now on chunks are where they have been stored, or nowhere."""
        self.log.unlink(missing_ok=True)
        for xorb in self._xorbs.values():
            xorb.start = None
        self._begin_log()

    def _begin_log(self) -> None:
        self._end = 0
        # The hash of the log up to the beginning of each xorb.
        self._hashes = [(0, hashlib.sha256())]

    def _find(self, term: Term) -> Xorb:
        xorb = self._xorbs.get(term.xorb)
        if xorb is None:
            raise _not_uploaded(term)
        if not xorb.has(term):
            raise ApiError(400, f"The Xet shard names chunk {term.last - 1} of a xorb that has fewer")
        return xorb

    def _place(self, xorb: Xorb, first: int) -> tuple[Path, int, int]:
        """In which file and from where on a chunk is, and before which it goes on there."""
        if xorb.start is not None:
            return self.log, xorb.start + xorb.size(0, first), len(xorb.is_stored)
        run = xorb.run_of(first)
        if run is None:
            raise ApiError(400, "The Xet shard names chunks that have been lost; upload the file again")
        return self._blobs.path(run.sha256), run.offset + xorb.size(run.first, first), run.last


class IncomingXorb:
    """A xorb on its way into the log; forgotten at the end of `with` unless it was kept."""

    def __init__(self, upload: Upload, name: str, log: Path, start: int, log_hash: "hashlib._Hash") -> None:
        # As it is sent.
        self.size = 0
        self._upload, self._name = upload, name
        self._start = start
        self._hash = log_hash
        self._ends = array("q", [0])
        self._unpacker = Unpacker()
        self._is_kept = False
        self._file = log.open("ab", buffering=0)
        self._appender = Appender(self._file, start)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_kept:
            self._file.truncate(self._start)
        self._file.close()

    def write(self, *pieces: bytes) -> None:
        """Takes the next bytes; raises 400 if they cannot be unpacked, 413 if there is too much in them."""
        self.size += sum(map(len, pieces))
        ready, size = [], 0
        for content in self._unpacker.feed(*pieces):
            self._ends.append(self._ends[-1] + len(content))
            if len(self._ends) - 1 > MOST_CHUNKS:
                raise ApiError(413, f"A xorb has at most {MOST_CHUNKS} chunks")
            ready.append(content)
            size += len(content)
            if size >= BLOCK_BYTES or len(ready) == MOST_PIECES:
                self._append(ready)
                ready, size = [], 0
        self._append(ready)

    def keep(self) -> None:
        """Takes the xorb as complete; raises 400 if it is not."""
        self._unpacker.finish()
        if len(self._ends) == 1:
            raise ApiError(400, "The xorb is empty")
        end = self._start + self._ends[-1]
        self._upload.add(self._name, Xorb(self._ends, self._start), end, self._hash)
        self._is_kept = True

    def _append(self, contents: Sequence[Piece]) -> None:
        if self._ends[-1] > LARGEST_XORB_BYTES:
            raise ApiError(413, TOO_LARGE)
        self._appender.append(contents)
        for content in contents:
            self._hash.update(content)


class Uploads:
    """The uploads of one hub, by their sessions."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._uploads: dict[str, Upload] = {}

    def get(self, session: str) -> Upload:
        """The upload, of which nothing may have arrived yet."""
        self._blobs.parts_folder(session)
        return self._uploads.setdefault(session, Upload(self._blobs, session))

    def forget_quiet(self, prefix: str, seconds: float) -> None:
        """Removes what arrived of uploads to which nothing has come for so long."""
        self._blobs.drop_quiet_parts(prefix, seconds)
        for session in [name for name in list(self._uploads) if not self._blobs.has_parts(name)]:
            self._uploads.pop(session, None)


def uploads_of(request: Request) -> Uploads:
    """The uploads of the hub that answers this request."""
    uploads: Uploads = request.app.state.uploads
    return uploads


def _not_uploaded(term: Term) -> ApiError:
    return ApiError(
        400,
        f"The Xet shard names xorb {term.xorb}, which has not been uploaded since the hub started; "
        "upload the file again",
    )
