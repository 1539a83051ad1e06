"""Appending to large files: each byte copied as seldom as possible, and on its way to the disk early."""

import os
from collections.abc import Sequence
from io import FileIO

Piece = bytes | bytearray | memoryview
# As many as the system takes in one call (POSIX: IOV_MAX).
MOST_PIECES = 1024
# So much is appended before the disk is told to begin with it.
BEGIN_BYTES = 32 * 1024**2


class Appender:
    """Appends to a file, and lets the disk begin with what it has, so that little is left for the flush at the end."""

    def __init__(self, file: FileIO, start: int = 0) -> None:
        """Takes a file opened without a buffer, and where its end is."""
        self._file = file
        self._begun = self._end = start

    def append(self, pieces: Sequence[Piece]) -> int:
        """Writes at most `MOST_PIECES` pieces, one behind the other; returns how many bytes they are."""
        size = sum(map(len, pieces))
        written = os.writev(self._file.fileno(), pieces) if size else 0
        if written < size:
            rest = memoryview(b"".join(pieces))[written:]
            while rest:
                rest = rest[self._file.write(rest) :]
        self._end += size
        if self._end - self._begun >= BEGIN_BYTES:
            self._begin_flush()
        return size

    def _begin_flush(self) -> None:
        # Linux starts to write what it is told not to keep; what is not written yet it keeps all the same.
        if hasattr(os, "posix_fadvise"):
            size = self._end - self._begun
            os.posix_fadvise(self._file.fileno(), self._begun, size, os.POSIX_FADV_DONTNEED)
        self._begun = self._end
