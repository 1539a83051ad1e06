"""What repos and buckets hold, by the names that Xet has for contents.

A repo's large file goes by its SHA-256, which names a content as well as Xet's own hash, and which files have that
never came by Xet. A bucket's file goes by the hash that the client made, which is checked when it arrives.
"""

import sqlite3
from dataclasses import dataclass

from local_hub.buckets.files import measure
from local_hub.buckets.uploads import find_upload, record_upload
from local_hub.errors import ApiError
from local_hub.repos.lfs import Ticket, has_large_file, record_large_file
from local_hub.repos.store import RepoStore
from local_hub.xet.shards import ShardFile
from local_hub.xet.tokens import Owner


@dataclass(frozen=True)
class Content:
    """A content in the store; its size in bytes."""

    sha256: str
    size: int


def check_named(owner: Owner, file: ShardFile) -> None:
    """Raises 400 where a repo could not check the file: commits name large files by SHA-256."""
    if owner.kind == "repo" and file.sha256 is None:
        raise ApiError(400, "The Xet shard names a file without its SHA-256")


def find_held(db: sqlite3.Connection, owner: Owner, file: ShardFile) -> str | None:
    """The SHA-256 of the file if the owner has it already."""
    if owner.kind == "bucket":
        found = find_upload(db, owner.key, file.xet_hash)
        return None if found is None else str(found["sha256"])
    has = file.sha256 is not None and has_large_file(db, owner.key, file.sha256)
    return file.sha256 if has else None


def check_may_fit(store: RepoStore, owner: Owner, size: int) -> None:
    """Raises 507 where an upload to a bucket cannot fit any more: its client tells no sizes before it sends."""
    if owner.kind == "bucket":
        with store.database.read() as db:
            _, held = measure(db, owner.key)  # which may be what is sent again
            store.room.check_quota(db, namespace_of(db, owner), max(0, size - held))


def namespace_of(db: sqlite3.Connection, owner: Owner) -> str:
    """Whose quota the owner's files count for; raises 404 if the owner is gone."""
    query = f"SELECT namespace FROM {owner.kind}s WHERE id = ?"  # noqa: S608 - one of two words of ours
    row = db.execute(query, (owner.key,)).fetchone()
    if row is None:
        raise ApiError(404, f"The {owner.kind} was deleted during the upload", "RepoNotFound")
    return owner.payer or str(row["namespace"])


def record(db: sqlite3.Connection, owner: Owner, file: ShardFile, content: Content) -> None:
    """Notes that the owner has the file; raises 404 if the owner is gone."""
    if owner.kind == "bucket":
        record_upload(db, owner.key, file.xet_hash, content.sha256, content.size)
    else:
        record_large_file(db, Ticket(owner.key, content.sha256, content.size, payer=owner.payer))


def find_content(db: sqlite3.Connection, owner: Owner, name: str) -> Content | None:
    """The content that the owner holds under that name."""
    if owner.kind == "bucket":
        row = find_upload(db, owner.key, name)
        return None if row is None else Content(row["sha256"], row["size"])
    row = db.execute(
        "SELECT sha256, size FROM large_files WHERE repo_id = ? AND sha256 = ?", (owner.key, name)
    ).fetchone()
    return None if row is None else Content(row["sha256"], row["size"])
