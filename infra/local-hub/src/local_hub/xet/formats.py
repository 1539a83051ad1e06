"""The two binary formats of Xet: shards say what files consist of, xorbs hold the chunks.

Sources: huggingface.co/docs/xet, "Shard format" and "Xorb format". All numbers are little-endian.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import lz4.frame

from local_hub.errors import ApiError
from local_hub.xet.hashes import to_hex

_RECORD_BYTES = 48
_SHARD_TAG = b"HFRepoMetaData\0"
_END = b"\xff" * 32
_WITH_VERIFICATION, _WITH_SHA256 = 1 << 31, 1 << 30
CHUNK_HEADER_BYTES = 8
_CHUNK_HEADER = struct.Struct("<B3sB3s")
_RAW, _LZ4, _GROUPED_LZ4 = range(3)


@dataclass(frozen=True)
class Term:
    """A run of chunks, `first` to `last` - 1, of one xorb; `size` bytes, as the shard says."""

    xorb: str
    first: int
    last: int
    size: int


@dataclass(frozen=True)
class ShardFile:
    """A file as a shard describes it; uploads to buckets leave out the SHA-256."""

    xet_hash: str
    sha256: str | None
    terms: tuple[Term, ...]

    @property
    def size(self) -> int:
        """How many bytes it has, as the shard says."""
        return sum(term.size for term in self.terms)


def parse_shard(shard: bytes) -> list[ShardFile]:
    """The files that a shard describes; raises 400 if it is no shard."""
    if not shard.startswith(_SHARD_TAG):
        raise ApiError(400, "Not a Xet shard")
    records = _Records(shard)
    records.take()
    files = []
    while (header := records.take())[:32] != _END:
        flags, count = struct.unpack_from("<II", header, 32)
        terms = tuple(_term(records.take()) for _ in range(count))
        if flags & _WITH_VERIFICATION:
            records.skip(count)
        sha256 = to_hex(records.take()[:32]) if flags & _WITH_SHA256 else None
        files.append(ShardFile(to_hex(header[:32]), sha256, terms))
    return files


def count_chunks(xorb: memoryview) -> int:
    """How many chunks a xorb has."""
    offset = count = 0
    while offset + _CHUNK_HEADER.size <= len(xorb) and xorb[offset] == 0:
        _, packed, _, _ = _CHUNK_HEADER.unpack_from(xorb, offset)
        offset += _CHUNK_HEADER.size + int.from_bytes(packed, "little")
        count += 1
    return count


def raw_chunk_header(size: int) -> bytes:
    """What stands before a chunk that is not compressed."""
    length = size.to_bytes(3, "little")
    return _CHUNK_HEADER.pack(0, length, _RAW, length)


def chunks_of(xorb: memoryview, first: int, last: int) -> Iterator[bytes]:
    """The contents of some chunks of a xorb; raises 400 where it does not have them."""
    offset = 0
    for index in range(last):
        if offset + _CHUNK_HEADER.size > len(xorb) or xorb[offset] != 0:
            raise ApiError(400, f"The Xet shard names chunk {index} of a xorb that has fewer")
        _, packed, scheme, unpacked = _CHUNK_HEADER.unpack_from(xorb, offset)
        offset += _CHUNK_HEADER.size
        end = offset + int.from_bytes(packed, "little")
        if index >= first:
            yield _unpack(xorb[offset:end], scheme, int.from_bytes(unpacked, "little"))
        offset = end


class _Records:
    """A shard, record by record."""

    def __init__(self, shard: bytes) -> None:
        self._shard = shard
        self._offset = 0

    def take(self) -> bytes:
        record = self._shard[self._offset : self._offset + _RECORD_BYTES]
        if len(record) < _RECORD_BYTES:
            raise ApiError(400, "The Xet shard is cut off")
        self._offset += _RECORD_BYTES
        return record

    def skip(self, count: int) -> None:
        self._offset += count * _RECORD_BYTES


def _term(record: bytes) -> Term:
    size, first, last = struct.unpack_from("<III", record, 36)
    return Term(to_hex(record[:32]), first, last, size)


def _unpack(packed: memoryview, scheme: int, size: int) -> bytes:
    if scheme not in (_RAW, _LZ4, _GROUPED_LZ4):
        raise ApiError(400, f"Unknown compression {scheme} in a xorb")
    if size == 0:  # of which a file could be made that never ends
        raise ApiError(400, "A chunk of a xorb is empty")
    content = bytes(packed) if scheme == _RAW else _decompress(packed, size)
    if len(content) != size:
        raise ApiError(400, f"A chunk of a xorb does not have the {size} bytes that it says")
    return _ungroup(content) if scheme == _GROUPED_LZ4 else content


def _decompress(packed: memoryview, size: int) -> bytes:
    """The content, or a byte more than it should have: a few bytes may stand for gigabytes."""
    decompressor = lz4.frame.LZ4FrameDecompressor()
    try:
        content: bytes = decompressor.decompress(packed, size + 1)
    except RuntimeError as error:  # what lz4 raises
        raise ApiError(400, f"A chunk of a xorb cannot be decompressed: {error}") from error
    return content


def _ungroup(grouped: bytes) -> bytes:
    """Undoes the sorting of bytes by their place in words of four, which floats are compressed better by."""
    content = bytearray(len(grouped))
    start = 0
    for place in range(4):
        length = len(range(place, len(grouped), 4))
        content[place::4] = grouped[start : start + length]
        start += length
    return bytes(content)
