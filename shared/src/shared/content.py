"""What a split holds: its file, a hash of its rows that says the same whatever file they are in, and their ids."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ROW_IDS = "row_ids.json"
"""The file beside the splits that lists the ids of each: too many for the manifest, which names it with its hash."""


def split_path(split: str) -> str:
    """Return where the rows of a split are, as `datasets` finds them."""
    return f"data/{split}-00000-of-00001.parquet"


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
    return hash_content(lines.encode())


def render_row_ids(splits: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    """Return the ids of each split's rows, in their order, as JSON: split → ids."""
    ids = {split: [row["id"] for row in rows] for split, rows in splits.items()}
    return f"{json.dumps(ids, ensure_ascii=False, indent=0)}\n".encode()


def hash_content(content: bytes) -> str:
    """Hash a file."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
