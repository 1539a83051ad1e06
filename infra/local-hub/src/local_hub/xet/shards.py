"""Shards, which say what files consist of.

Source: huggingface.co/docs/xet, "Shard format". All numbers are little-endian.
"""

import struct
from dataclasses import dataclass

from local_hub.errors import ApiError
from local_hub.xet.hashes import to_hex

_RECORD_BYTES = 48
_SHARD_TAG = b"HFRepoMetaData\0"
_END = b"\xff" * 32
_WITH_VERIFICATION, _WITH_SHA256 = 1 << 31, 1 << 30


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
