"""One content on its way from upstream: resumed where it was cut off, and kept only with the right hash."""

import asyncio
import contextlib
import hashlib
import logging
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import IO

from local_hub.repos.trees import Entry
from local_hub.upstream.client import (
    NotConnectedError,
    RateLimitedError,
    UnreachableError,
    UnusableError,
    UpstreamClient,
)

logger = logging.getLogger("local_hub.upstream")

BLOCK_BYTES = 512 * 1024
# What has come is passed on after so long, however little it is.
LONGEST_PENDING_SECONDS = 0.1
# The end of a large file is not passed on before the hash of the whole is right.
HELD_BACK_BYTES = 64 * 1024
# Between attempts without any byte; after the last one it is given up until a client asks again.
PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0)


class WrongContentError(Exception):
    """Upstream sent something else than its own listing says; nothing of it was kept."""


class Download:
    """A content that is being fetched. What has come lies in `path`, which outlives the hub.

    Attributes:
        received: how many bytes lie there.
        repos: the numbers of the repos that have asked for it.
    """

    def __init__(self, client: UpstreamClient, address: str, entry: Entry, path: Path) -> None:
        self.entry = entry
        self.path = path
        self.received = path.stat().st_size if path.exists() else 0
        self.repos: set[int] = set()
        self._client = client
        self._address = address
        self._hash = _begin_hash(entry)
        self._news = asyncio.Event()

    async def fetch(self) -> None:
        """Fetches what is missing and checks the whole.

        Raises:
            UnreachableError: upstream gave nothing for several attempts, or there is no way to it; what has come stays.
            RefusedError: upstream does not give it.
            WrongContentError: the hash is wrong; nothing stays.
        """
        self._hash = await asyncio.to_thread(_hash_of_file, self.path, self.entry)
        failures, begun_at = 0, self.received
        while self.received < self.entry.size:
            before = self.received
            try:
                await self._fetch_rest()
            except RateLimitedError:
                raise
            except UnreachableError as error:
                if isinstance(error, NotConnectedError) and self.received == begun_at:
                    raise
                failures = 0 if self.received > before else failures + 1
                if failures > len(PAUSES_SECONDS):
                    raise
                logger.info("upstream broke off at byte %d of %d: %s", self.received, self.entry.size, error)
                await asyncio.sleep(PAUSES_SECONDS[max(failures, 1) - 1])
        self.path.touch()
        expected = self.entry.sha256 if self.entry.kind == "lfs" else self.entry.oid
        if self.received > self.entry.size or self._hash.hexdigest() != expected:
            self.path.unlink()
            raise WrongContentError

    async def open(self, finished: asyncio.Task[None]) -> IO[bytes] | None:
        """What has come, once there is any; None where all of it is in the store by now."""
        while not finished.done():
            if self.received:
                with contextlib.suppress(FileNotFoundError):  # it is just being moved there
                    return self.path.open("rb")
            await self._wait(finished)
        finished.result()
        return None

    async def read(
        self, file: IO[bytes], start: int, end: int, finished: asyncio.Task[None]
    ) -> AsyncIterator[bytes]:
        """The bytes from `start` to before `end` as they come, the last ones once the whole was checked."""
        while start < end:
            if finished.done():
                finished.result()
            held_back = 0 if finished.done() else HELD_BACK_BYTES
            available = min(self.received, self.entry.size - held_back, end)
            if start < available:
                block = await asyncio.to_thread(
                    os.pread, file.fileno(), min(BLOCK_BYTES, available - start), start
                )
                start += len(block)
                yield block
            else:
                await self._wait(finished)

    async def _fetch_rest(self) -> None:
        with self.path.open("ab") as file:
            async with self._client.open_file(self._address, self.received) as answer:
                # Upstream may answer with the whole; what is here already has been passed on and is not replaced.
                known = self.received if answer.status_code == 200 else 0
                await self._take(file, answer.aiter_bytes(), known)
        if self.received < self.entry.size:
            raise UnusableError("its answer ended too early")

    async def _take(self, file: IO[bytes], blocks: AsyncIterator[bytes], known: int) -> None:
        """Writes what comes, except for so many bytes at the beginning; a few of the network's blocks at a time."""
        pending = bytearray()
        flush_at = time.monotonic() + LONGEST_PENDING_SECONDS
        try:
            async for block in blocks:
                pending += block[known:]
                known = max(known - len(block), 0)
                if len(pending) >= BLOCK_BYTES or time.monotonic() > flush_at:
                    await self._flush(file, pending)
                    flush_at = time.monotonic() + LONGEST_PENDING_SECONDS
                if self.received > self.entry.size:
                    return
        finally:
            await self._flush(file, pending)

    async def _flush(self, file: IO[bytes], pending: bytearray) -> None:
        if pending:
            await asyncio.to_thread(self._append, file, pending)
            self.received += len(pending)
            pending.clear()
            self._tell()

    def _append(self, file: IO[bytes], block: bytearray) -> None:
        file.write(block)
        file.flush()
        self._hash.update(block)

    async def _wait(self, finished: asyncio.Task[None]) -> None:
        """Until more has come, or it is over."""
        news = asyncio.create_task(self._news.wait())
        await asyncio.wait({news, finished}, return_when=asyncio.FIRST_COMPLETED)
        news.cancel()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _begin_hash(entry: Entry) -> "hashlib._Hash":
    """SHA-256 for a large file; of a regular one upstream tells git's hash only."""
    if entry.kind == "lfs":
        return hashlib.sha256()
    return hashlib.sha1(b"blob %d\0" % entry.size, usedforsecurity=False)


def _hash_of_file(path: Path, entry: Entry) -> "hashlib._Hash":
    """The hash of what has come so far, to be gone on with."""
    hash_so_far = _begin_hash(entry)
    if path.exists():
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                hash_so_far.update(block)
    return hash_so_far
