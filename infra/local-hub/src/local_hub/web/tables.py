"""The header of a safetensors file as a table: the names, types and shapes of its tensors, and no weight."""

import json
import math
from collections.abc import Sized
from typing import Any

from local_hub.web.parquet import only, short
from local_hub.web.sources import Source

MAX_TENSORS = 2000
# Those of the largest models have less than a tenth of it, and in memory it takes ten times as much.
MAX_HEADER_BYTES = 4 * 1024**2
NO_HEADER = (
    "This cannot be read as safetensors: it does not begin with their header, or with one of more than 4 MB."
)


def read_safetensors(source: Source) -> dict[str, Any]:
    """The tensors that the file's header names."""
    with source.open() as file:
        length = int.from_bytes(file.read(8), "little")
        header = _object(file.read(length)) if 0 < length <= MAX_HEADER_BYTES else None
    if header is None:
        return only(NO_HEADER)
    metadata = header.pop("__metadata__", None)
    tensors = [(name, value) for name, value in header.items() if isinstance(value, dict)]
    hidden = len(tensors) - MAX_TENSORS
    return {
        "caption": f"{_counted(tensors)}, {sum(_count(value) for _, value in tensors):,} numbers",
        "head": [{"name": name, "type": ""} for name in ("Tensor", "Type", "Shape", "Numbers")],
        "rows": [_row(name, value) for name, value in tensors[:MAX_TENSORS]],
        "note": f"{hidden:,} more tensors are not shown." if hidden > 0 else None,
        "facts": _facts(metadata),
    }


def _row(name: str, tensor: dict[str, Any]) -> list[str]:
    shape = " × ".join(map(str, _shape(tensor))) or "scalar"
    return [name, short(tensor.get("dtype")), shape, f"{_count(tensor):,}"]


def _counted(tensors: Sized) -> str:
    return "1 tensor" if len(tensors) == 1 else f"{len(tensors):,} tensors"


def _facts(metadata: object) -> dict[str, str]:
    return {key: short(value) for key, value in metadata.items()} if isinstance(metadata, dict) else {}


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _shape(tensor: dict[str, Any]) -> list[int]:
    shape = tensor.get("shape")
    return [size for size in shape if isinstance(size, int)] if isinstance(shape, list) else []


def _count(tensor: dict[str, Any]) -> int:
    return math.prod(_shape(tensor))
