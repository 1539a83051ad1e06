"""A job's log: one file of events, appended to while the job runs and replayed to whoever follows it."""

import asyncio
import errno
import json
import shutil
from collections import deque
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime
from pathlib import Path

from local_hub.sizes import format_bytes

REPLAY_BYTES = 1 << 18
KEEP_ALIVE_SECONDS = 15.0
KEEP_ALIVE = b": keep-alive\n\n"


class JobLog:
    """Events as JSON lines `{"data": …, "timestamp": …}`, which is also what goes over the wire.

    The file is pure ASCII: a client may take U+2028 and the like for line ends.
    """

    def __init__(self, path: Path, is_complete: bool, keep_free_bytes: int = 0) -> None:
        self._path = path
        self._is_complete = is_complete
        self._keep_free_bytes = keep_free_bytes
        self._changed = asyncio.Event()

    def append(self, lines: Iterable[str]) -> None:
        """Adds lines, stamped with the current time."""
        timestamp = format_time(datetime.now(UTC).timestamp())
        # Twice as fast as to make JSON of each event: a job may write millions of lines.
        events = "".join(f'{{"data": {json.dumps(line)}, "timestamp": "{timestamp}"}}\n' for line in lines)
        with open(self._path, "a", encoding="ascii") as file:
            file.write(events)
        self._announce()

    def append_output(self, lines: Iterable[str]) -> None:
        """The same for what a job writes, maybe without end; raises `OSError` where the disk would get too full."""
        if shutil.disk_usage(self._path.parent).free < self._keep_free_bytes:
            raise OSError(
                errno.ENOSPC, f"less than {format_bytes(self._keep_free_bytes)} of the hub's disk are free"
            )
        self.append(lines)

    def complete(self) -> None:
        """Says that nothing will be added; who follows is let go once everything has been sent."""
        self._is_complete = True
        self._announce()

    async def stream(self, tail: int | None) -> AsyncIterator[bytes]:
        """The log as server-sent events from its beginning, or from the last `tail` lines, until it is complete."""
        position = 0 if tail is None else await asyncio.to_thread(_tail_offset, self._path, tail)
        async for lines, _ in self.follow(position):
            yield b"".join(b"data: " + line + b"\n\n" for line in lines) or KEEP_ALIVE

    async def follow(self, position: int) -> AsyncIterator[tuple[list[bytes], int]]:
        """The log's events from a byte of its file on until it is complete, each time those that have come.

        With them goes the byte after them. None come from time to time while there is nothing new.
        """
        while True:
            is_complete, changed = self._is_complete, self._changed
            events, position = await asyncio.to_thread(_read_events, self._path, position)
            if events:
                yield events, position
            elif is_complete:
                return
            else:
                async for _ in _beats_until(changed):
                    yield [], position

    def end(self, most_bytes: int) -> tuple[list[bytes], int, bool]:
        """The newest events, the byte after them, and whether these are all there are."""
        size = self._path.stat().st_size if self._path.exists() else 0
        position = max(size - most_bytes, 0)
        events, end = _read_events(self._path, position, most_bytes)
        return (events[1:], end, False) if position else (events, end, True)

    def _announce(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def format_time(seconds: float) -> str:
    """A time as the Hub writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def _beats_until(event: asyncio.Event) -> AsyncIterator[None]:
    """One from time to time until the event happens."""
    while True:
        try:
            await asyncio.wait_for(event.wait(), KEEP_ALIVE_SECONDS)
        except TimeoutError:
            yield
        else:
            return


def _read_events(path: Path, position: int, most_bytes: int = REPLAY_BYTES) -> tuple[list[bytes], int]:
    """The next whole events after the position, and the position after them."""
    if not path.exists():
        return [], position
    with open(path, "rb") as file:
        file.seek(position)
        chunk = file.read(most_bytes)
    whole = chunk[: chunk.rfind(b"\n") + 1]
    return whole.splitlines(), position + len(whole)


def _tail_offset(path: Path, count: int) -> int:
    """Where the last `count` lines of the file begin."""
    if not path.exists():
        return 0
    begins: deque[int] = deque(maxlen=count)
    position = 0
    with open(path, "rb") as file:
        for line in file:
            begins.append(position)
            position += len(line)
    return begins[0] if begins else position
