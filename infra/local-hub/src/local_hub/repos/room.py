"""Whether what a client is about to send fits: into the quota of its namespace, and on the disk."""

import shutil
import sqlite3

from local_hub.config import HubConfig
from local_hub.database import Database
from local_hub.errors import ApiError
from local_hub.repos.lfs import Ticket, check_repo_is_there, has_large_file
from local_hub.repos.reachable import mark_reachable
from local_hub.repos.registry import Repo, get_repo
from local_hub.repos.trees import Entry
from local_hub.sizes import format_bytes

# Of the small files of a repo, those that were ever committed: exact again after each `gc`.
SCHEMA = """
CREATE TABLE IF NOT EXISTS small_bytes (
    repo_id INTEGER PRIMARY KEY REFERENCES repos(id) ON DELETE CASCADE,
    bytes INTEGER NOT NULL
);
"""
_USED = """
SELECT (SELECT coalesce(sum(size), 0) FROM large_files JOIN repos ON id = repo_id WHERE namespace = :namespace)
    + (SELECT coalesce(sum(bytes), 0) FROM small_bytes JOIN repos ON id = repo_id WHERE namespace = :namespace)
    + (SELECT coalesce(sum(size), 0) FROM bucket_files JOIN buckets ON id = bucket_id WHERE namespace = :namespace)
"""


class Room:
    """Refuses with 507 and the numbers what does not fit, if possible before it is sent."""

    def __init__(self, config: HubConfig, database: Database) -> None:
        database.add_schema(SCHEMA)
        self._directory = config.directory
        self._quota = config.quota_bytes
        self._keep_free = config.keep_free_bytes

    def check(self, db: sqlite3.Connection, namespace: str, needed: int) -> None:
        """Raises 507 unless so many bytes more fit both on the disk and into the namespace's quota."""
        self.check_disk(needed)
        self.check_quota(db, namespace, needed)

    def check_disk(self, needed: int) -> None:
        """Raises 507 unless so many bytes fit on the disk, beside what is to be kept free."""
        free = shutil.disk_usage(self._directory).free
        if needed and needed > free - self._keep_free:
            raise ApiError(
                507,
                f"The hub's disk has not enough space: {format_bytes(needed)} needed, {format_bytes(free)} free, "
                f"limit: {format_bytes(self._keep_free)} stay free. Free some (local-hub gc), then try again.",
            )

    def check_quota(self, db: sqlite3.Connection, namespace: str, needed: int) -> None:
        """Raises 507 unless so many bytes more fit into the namespace's quota."""
        if self._quota is None or not needed:
            return
        used = db.execute(_USED, {"namespace": namespace}).fetchone()[0]
        if used + needed > self._quota:
            free = format_bytes(max(0, self._quota - used))
            raise ApiError(
                507,
                f"The quota of {namespace} has not enough space: {format_bytes(needed)} needed, {free} free, "
                f"{format_bytes(self._quota)} limit. Delete repos of it, or squash histories and run local-hub gc.",
            )

    def check_upload(self, db: sqlite3.Connection, ticket: Ticket) -> None:
        """Raises 507 unless a large file fits into the quota of its repo's namespace; 404 if the repo is gone."""
        check_repo_is_there(db, ticket)
        if not has_large_file(db, ticket.repo_key, ticket.oid):
            self.check_quota(db, get_repo(db, ticket.repo_key).namespace, ticket.size)

    def check_announced(self, db: sqlite3.Connection, repo: Repo, sizes: list[int]) -> None:
        """Raises 507 unless large files of these sizes fit; one that the repo may have already, by its size, counts 0.

        Their hashes are not known yet; `check` of those which are to be uploaded follows.
        """
        rows = db.execute("SELECT DISTINCT size FROM large_files WHERE repo_id = ?", (repo.key,))
        known = {row["size"] for row in rows}
        self.check(db, repo.namespace, sum(size for size in sizes if size not in known))

    def charge(self, db: sqlite3.Connection, repo: Repo, entries: set[Entry]) -> None:
        """Counts the small files of a commit; raises 507 where they go beyond the quota."""
        size = sum(entry.size for entry in entries)
        self.check_quota(db, repo.namespace, size)
        db.execute(
            "INSERT INTO small_bytes VALUES (?, ?) ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes",
            (repo.key, size),
        )


def count_small_files_once(db: sqlite3.Connection) -> None:
    """Counts those of a store that an earlier hub wrote; call it inside `reachable_tables`."""
    missing = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM small_bytes) AND EXISTS (SELECT 1 FROM commits)"
    if db.execute(missing).fetchone():
        recount_small_files(db)


def recount_small_files(db: sqlite3.Connection) -> None:
    """Counts the small files of each repo anew, by what its commits lead to; call it inside `reachable_tables`."""
    mark_reachable(db)
    db.execute("DELETE FROM small_bytes")
    db.execute(
        "INSERT INTO small_bytes SELECT repo_id, sum(size) FROM reachable_files WHERE kind = 'file' GROUP BY repo_id"
    )
