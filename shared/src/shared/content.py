"""A hash of rows that says the same whatever file they are kept in."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any


def hash_rows(rows: Iterable[Mapping[str, Any]]) -> str:
    """Hash rows as canonical JSON Lines: sorted keys, no spaces, UTF-8, in their order."""
    digest = hashlib.sha256()
    for row in rows:
        line = json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        digest.update(f"{line}\n".encode())
    return f"sha256:{digest.hexdigest()}"


def combine_hashes(hashes: Mapping[str, str]) -> str:
    """Hash named hashes, in their order, one `name hash` a line."""
    lines = "".join(f"{name} {content}\n" for name, content in hashes.items())
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
