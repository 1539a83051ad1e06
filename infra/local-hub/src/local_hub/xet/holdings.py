"""What repos hold, by the names that Xet has for contents.

A repo's large file goes by its SHA-256, which names a content as well as Xet's own hash does, and which files have too
that never came by Xet.
"""

import sqlite3
from dataclasses import dataclass

from local_hub.repos.lfs import Ticket, has_large_file, record_large_file
from local_hub.xet.formats import ShardFile
from local_hub.xet.tokens import Owner


@dataclass(frozen=True)
class Content:
    """A content in the store; its size in bytes."""

    sha256: str
    size: int


def is_held(db: sqlite3.Connection, owner: Owner, file: ShardFile) -> bool:
    """Whether the owner has the file already."""
    return has_large_file(db, owner.key, file.sha256)


def record(db: sqlite3.Connection, owner: Owner, content: Content) -> None:
    """Notes that the owner has the content; raises 404 if the owner is gone."""
    record_large_file(db, Ticket(owner.key, content.sha256, content.size))


def find_content(db: sqlite3.Connection, owner: Owner, name: str) -> Content | None:
    """The content that the owner holds under that name."""
    row = db.execute(
        "SELECT sha256, size FROM large_files WHERE repo_id = ? AND sha256 = ?", (owner.key, name)
    ).fetchone()
    return None if row is None else Content(row["sha256"], row["size"])
