"""How far a long command is: one line that is written over in a terminal, now and then a line elsewhere."""

import sys
import threading
import time
from types import TracebackType
from typing import Self, TextIO

from local_hub.sizes import format_bytes

TERMINAL_SECONDS, LOG_SECONDS = 0.2, 10.0


class Progress:
    """Counts bytes against a total, to be used in a `with` statement, by any thread; writes to standard error."""

    def __init__(self, verb: str, total: int, stream: TextIO | None = None) -> None:
        self._verb = verb
        self._total = total
        self._done = 0
        self._stream = sys.stderr if stream is None else stream
        self._in_terminal = self._stream.isatty()
        self._last = time.monotonic()
        self._has_line = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._has_line:
            self._stream.write("\n")

    def add(self, size: int) -> None:
        """So many bytes more are done."""
        with self._lock:
            self._done += size
            now = time.monotonic()
            if now - self._last >= (TERMINAL_SECONDS if self._in_terminal else LOG_SECONDS):
                self._last = now
                self._write()

    def _write(self) -> None:
        percent = 100 * self._done // self._total if self._total else 100
        text = f"{self._verb} {format_bytes(self._done)} of {format_bytes(self._total)} ({percent}%)"
        if self._in_terminal:
            self._stream.write(f"\r\x1b[K{text}")
            self._has_line = True
        else:
            self._stream.write(f"{text}\n")
        self._stream.flush()
