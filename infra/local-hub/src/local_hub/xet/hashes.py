"""The hashes by which Xet names contents. Source: huggingface.co/docs/xet, "Hashing"."""

import struct
from collections.abc import Iterable, Sequence
from itertools import islice

from blake3 import blake3

_DATA_KEY = bytes.fromhex("6697f5775b9550de3135cbaca597181c9de421109beb2b58b4d0b04b93adf229")
_NODE_KEY = bytes.fromhex("017ec5c7a5472996fd946666b48a02e65ddd536f37c76dd2f86352e64a53713f")
_FILE_KEY = bytes(32)
EMPTY_FILE = "0" * 64
_FEWEST, _MEAN, _MOST = 2, 4, 9

Node = tuple[bytes, int]


def file_hash(chunks: Iterable[bytes]) -> str:
    """What Xet calls a file that was cut into these chunks."""
    nodes = [(_keyed(_DATA_KEY, chunk), len(chunk)) for chunk in chunks]
    return to_hex(_keyed(_FILE_KEY, _root(nodes))) if nodes else EMPTY_FILE


def to_hex(digest: bytes) -> str:
    """A hash as Xet writes it: as four little-endian numbers of 64 bits."""
    return "".join(f"{number:016x}" for number in struct.unpack("<4Q", digest))


def _root(nodes: Sequence[Node]) -> bytes:
    """Joins neighbours, group by group, until one is left."""
    while len(nodes) > 1:
        joined, rest = [], iter(nodes)
        while group := list(_next_group(rest)):
            joined.append(_join(group))
        nodes = joined
    return nodes[0][0]


def _next_group(rest: Iterable[Node]) -> Iterable[Node]:
    """A group ends behind a hash that is a multiple of four, from the third node on, or is full."""
    for count, node in enumerate(islice(rest, _MOST), start=1):
        yield node
        if count > _FEWEST and node[0][24] % _MEAN == 0:
            return


def _join(group: Sequence[Node]) -> Node:
    text = "".join(f"{to_hex(digest)} : {size}\n" for digest, size in group)
    return _keyed(_NODE_KEY, text.encode()), sum(size for _, size in group)


def _keyed(key: bytes, content: bytes) -> bytes:
    digest: bytes = blake3(content, key=key).digest()
    return digest
