"""The chunks of a xorb, unpacked while it comes in.

Source: huggingface.co/docs/xet, "Xorb format". All numbers are little-endian.
"""

import struct
from collections.abc import Iterator

import lz4.frame

from local_hub.errors import ApiError

CHUNK_HEADER_BYTES = 8
_CHUNK_HEADER = struct.Struct("<B3sB3s")
_RAW, _LZ4, _GROUPED_LZ4 = range(3)


def raw_chunk_header(size: int) -> bytes:
    """What stands before a chunk that is not compressed."""
    length = size.to_bytes(3, "little")
    return _CHUNK_HEADER.pack(0, length, _RAW, length)


class Unpacker:
    """Takes a xorb piece by piece."""

    def __init__(self) -> None:
        # Of a chunk of which not all has come.
        self._rest = b""
        self._is_over = False

    def feed(self, *pieces: bytes) -> Iterator[bytes | memoryview]:
        """The contents of the chunks that are complete now; raises 400 where they cannot be unpacked."""
        xorb = memoryview(b"".join((self._rest, *pieces)))
        offset = 0
        while not self._is_over and offset + CHUNK_HEADER_BYTES <= len(xorb):
            version, packed, scheme, size = _CHUNK_HEADER.unpack_from(xorb, offset)
            begin = offset + CHUNK_HEADER_BYTES
            end = begin + int.from_bytes(packed, "little")
            # What follows the last chunk repeats what shards say.
            self._is_over = version != 0
            if self._is_over or end > len(xorb):
                break
            yield _unpack(xorb[begin:end], scheme, int.from_bytes(size, "little"))
            offset = end
        self._rest = b"" if self._is_over else bytes(xorb[offset:])

    def finish(self) -> None:
        """Raises 400 if the last chunk has not come as a whole."""
        if self._rest[:1] == b"\0":
            raise ApiError(400, "The xorb is cut off")


def _unpack(packed: memoryview, scheme: int, size: int) -> bytes | memoryview:
    if scheme not in (_RAW, _LZ4, _GROUPED_LZ4):
        raise ApiError(400, f"Unknown compression {scheme} in a xorb")
    if size == 0:  # of which a file could be made that never ends
        raise ApiError(400, "A chunk of a xorb is empty")
    content = packed if scheme == _RAW else _decompress(packed, size)
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


def _ungroup(grouped: bytes | memoryview) -> bytes:
    """Undoes the sorting of bytes by their place in words of four, which floats are compressed better by."""
    content = bytearray(len(grouped))
    start = 0
    for place in range(4):
        length = len(range(place, len(grouped), 4))
        content[place::4] = grouped[start : start + length]
        start += length
    return bytes(content)
