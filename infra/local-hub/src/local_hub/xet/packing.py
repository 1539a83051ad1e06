"""A stored file as Xet downloads see it: cut into chunks of one size, which lie in xorbs of one size.

Nothing of this is on disk. A chunk is sent as it is, behind its header, so that the place of each follows from its
number.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_hub.xet.unpacking import CHUNK_HEADER_BYTES, raw_chunk_header

CHUNK_BYTES = 64 * 1024
# A client holds a xorb in memory as a whole, several at a time.
XORB_CHUNKS = 256
_PACKED_CHUNK_BYTES = CHUNK_HEADER_BYTES + CHUNK_BYTES
_CHUNKS_AT_ONCE = 16


@dataclass(frozen=True)
class Piece:
    """Chunks `first` to `last` - 1 of a xorb: `size` bytes, packed at `start` to before `end` of the packed file."""

    xorb: str
    first: int
    last: int
    size: int
    start: int
    end: int

    @property
    def chunks(self) -> dict[str, int]:
        """Which chunks; the last is not among them."""
        return {"start": self.first, "end": self.last}

    @property
    def place(self) -> dict[str, int]:
        """Where they are; the last byte is among them."""
        return {"start": self.start, "end": self.end - 1}


def cut(sha256: str, size: int, start: int, end: int) -> list[Piece]:
    """What has to be got for the bytes from `start` to before `end` of a file; the first piece may begin earlier."""
    first, last = start // CHUNK_BYTES, -(-end // CHUNK_BYTES)
    pieces = []
    for number in range(first // XORB_CHUNKS, -(-last // XORB_CHUNKS)):
        origin = number * XORB_CHUNKS
        head, tail = max(first, origin), min(last, origin + XORB_CHUNKS)
        pieces.append(
            Piece(
                _xorb_name(sha256, number),
                head - origin,
                tail - origin,
                min(tail * CHUNK_BYTES, size) - head * CHUNK_BYTES,
                head * _PACKED_CHUNK_BYTES,
                _packed_end(size, tail),
            )
        )
    return pieces


def describe_v1(pieces: Iterable[Piece], start: int, url: str) -> dict[str, Any]:
    """The answer of `/v1/reconstructions`."""
    places = {piece.xorb: [{"range": piece.chunks, "url": url, "url_range": piece.place}] for piece in pieces}
    return {**_describe_terms(pieces, start), "fetch_info": places}


def describe_v2(pieces: Iterable[Piece], start: int, url: str) -> dict[str, Any]:
    """The answer of `/v2/reconstructions`."""
    places = {
        piece.xorb: [{"url": url, "ranges": [{"chunks": piece.chunks, "bytes": piece.place}]}]
        for piece in pieces
    }
    return {**_describe_terms(pieces, start), "xorbs": places}


def _describe_terms(pieces: Iterable[Piece], start: int) -> dict[str, Any]:
    terms = [{"hash": piece.xorb, "unpacked_length": piece.size, "range": piece.chunks} for piece in pieces]
    return {"offset_into_first_range": start % CHUNK_BYTES, "terms": terms}


def packed_size(size: int) -> int:
    """How long a file of that many bytes is, packed."""
    return _packed_end(size, -(-size // CHUNK_BYTES))


def read_packed(path: Path, start: int, end: int) -> Iterator[bytes]:
    """The packed file's bytes from `start` to before `end`, in blocks of about a megabyte."""
    first, skipped = divmod(start, _PACKED_CHUNK_BYTES)
    wanted = end - start
    with path.open("rb") as file:
        file.seek(first * CHUNK_BYTES)
        while wanted > 0 and (block := file.read(_CHUNKS_AT_ONCE * CHUNK_BYTES)):
            piece = _packed(block)[skipped : skipped + wanted]
            yield piece
            wanted -= len(piece)
            skipped = 0


def _packed(block: bytes) -> bytes:
    parts: list[bytes | memoryview] = []
    view = memoryview(block)
    for start in range(0, len(block), CHUNK_BYTES):
        chunk = view[start : start + CHUNK_BYTES]
        parts += [raw_chunk_header(len(chunk)), chunk]
    return b"".join(parts)


def _packed_end(size: int, chunks: int) -> int:
    """Where the first so many chunks end in the packed file."""
    return min(chunks * CHUNK_BYTES, size) + chunks * CHUNK_HEADER_BYTES


def _xorb_name(sha256: str, number: int) -> str:
    """A name that no other content has: clients may keep what they got under it."""
    return hashlib.sha256(f"{sha256} {number}".encode()).hexdigest()
