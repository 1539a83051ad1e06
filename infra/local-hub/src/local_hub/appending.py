"""Appending to large files: each byte copied as seldom as possible, and on its way to the disk early."""

import os
from collections.abc import Sequence
from io import FileIO

Piece = bytes | bytearray | memoryview
# As many as the system takes in one call (POSIX: IOV_MAX).
MOST_PIECES = 1024


def append(file: FileIO, pieces: Sequence[Piece]) -> int:
    """Writes at most `MOST_PIECES` pieces, one behind the other; returns how many bytes they are."""
    size = sum(map(len, pieces))
    written = os.writev(file.fileno(), pieces) if size else 0
    if written < size:
        rest = memoryview(b"".join(pieces))[written:]
        while rest:
            rest = rest[file.write(rest) :]
    return size


def begin_flush(file: FileIO, start: int, end: int) -> None:
    """Lets the disk begin with these bytes, waiting for nothing, so that little is left for the flush at the end."""
    # Linux starts to write what it is told not to keep; what is not written yet it keeps all the same.
    if end > start and hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), start, end - start, os.POSIX_FADV_DONTNEED)
