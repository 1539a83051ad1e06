"""Whether what a client is about to send fits: into the quota of its namespace, and on the disk."""

import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Set
from contextlib import ExitStack, contextmanager

from local_hub.buckets.uploads import UNNAMED
from local_hub.config import HubConfig
from local_hub.database import Database
from local_hub.errors import ApiError
from local_hub.repos import payers
from local_hub.repos.lfs import Ticket, check_repo_is_there, has_large_file, record_large_file
from local_hub.repos.payers import NOT_PROPOSED, PROPOSED_BYTES
from local_hub.repos.reachable import mark_reachable
from local_hub.repos.registry import Repo, get_repo
from local_hub.repos.reservations import Arrival, Promise, Reservations, Target
from local_hub.repos.trees import Entry
from local_hub.sizes import format_bytes

# Of the small files of a repo, those that were ever committed: exact again after each `gc`.
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS small_bytes (
    repo_id INTEGER PRIMARY KEY REFERENCES repos(id) ON DELETE CASCADE,
    bytes INTEGER NOT NULL
);
{payers.SCHEMA}
"""
_USED = f"""
SELECT (SELECT coalesce(sum(size), 0) FROM large_files JOIN repos ON id = repo_id
        WHERE namespace = :namespace AND {NOT_PROPOSED})
    + {PROPOSED_BYTES}
    + (SELECT coalesce(sum(bytes), 0) FROM small_bytes JOIN repos ON id = repo_id WHERE namespace = :namespace)
    + (SELECT coalesce(sum(size), 0) FROM bucket_files JOIN buckets ON id = bucket_id WHERE namespace = :namespace)
    + (SELECT coalesce(sum(size), 0) FROM bucket_uploads JOIN buckets ON id = bucket_id
       WHERE namespace = :namespace AND {UNNAMED})
"""  # noqa: S608 - our own words


class Room:
    """Refuses with 507 and the numbers what does not fit, if possible before it is sent.

    What is under way counts as if it had come: see `reservations`.
    """

    def __init__(self, config: HubConfig, database: Database) -> None:
        database.add_schema(SCHEMA)
        self.reservations = Reservations()
        self._directory = config.directory
        self._quota = config.quota_bytes
        self._keep_free = config.keep_free_bytes

    def check_disk(self, needed: int) -> None:
        """Raises 507 unless so many bytes fit on the disk, beside what is to be kept free and what is under way."""
        free = max(0, shutil.disk_usage(self._directory).free - self.reservations.disk())
        if needed and needed > free - self._keep_free:
            raise ApiError(
                507,
                f"The hub's disk has not enough space: {format_bytes(needed)} needed, {format_bytes(free)} free, "
                f"limit: {format_bytes(self._keep_free)} stay free. Free some (local-hub gc), then try again.",
            )

    def check_quota(self, db: sqlite3.Connection, namespace: str, needed: int) -> None:
        """Raises 507 unless so many bytes more fit into the namespace's quota."""
        free = self.free_quota(db, namespace)
        if needed and free is not None and needed > free:
            raise self.no_quota(namespace, needed, free)

    def free_quota(self, db: sqlite3.Connection, namespace: str) -> int | None:
        """How many bytes more fit into the namespace's quota; None without one."""
        if self._quota is None:
            return None
        used = int(db.execute(_USED, {"namespace": namespace}).fetchone()[0])
        return max(0, self._quota - used - self.reservations.quota_of(namespace))

    def no_quota(self, namespace: str, needed: int, free: int) -> ApiError:
        """What is answered where so many bytes do not fit into a namespace's quota."""
        return ApiError(
            507,
            f"The quota of {namespace} has not enough space: {format_bytes(needed)} needed, {format_bytes(free)} free, "
            f"{format_bytes(self._quota or 0)} limit. Delete repos of it, or squash histories and run "
            "local-hub gc --older-than 1.",
        )

    def announce(self, db: sqlite3.Connection, repo: Repo, sizes: Mapping[str, int], payer: str = "") -> None:
        """Reserves room for large files by their paths, whose hashes are not known yet, or raises 507.

        One that the repo may have already, by its size, counts 0. A payer is another namespace than the repo's own.
        """
        rows = db.execute("SELECT DISTINCT size FROM large_files WHERE repo_id = ?", (repo.key,))
        known = {row["size"] for row in rows}
        wanted = {f"path {path}": size for path, size in sizes.items() if size not in known}
        self._reserve(db, _target(repo.key), payer or repo.namespace, wanted, by_path=True)

    def admit(self, db: sqlite3.Connection, repo: Repo, sizes: Mapping[str, int], payer: str = "") -> None:
        """Reserves room for large files by their hashes, in place of what was announced for them, or raises 507."""
        with self.reservations.lock:
            for size in sizes.values():
                self.reservations.end_announced(_target(repo.key), size)
            self._reserve(db, _target(repo.key), payer or repo.namespace, sizes)

    def admit_one(
        self, db: sqlite3.Connection, target: Target, namespace: str, name: str, size: int
    ) -> Promise | None:
        """The same for one file of a repo or a bucket, and what is reserved for it; None if it is empty."""
        with self.reservations.lock:
            self.reservations.end_announced(target, size)
            self._reserve(db, target, namespace, {name: size})
            return self.reservations.find(target, name)

    def readmit(self, db: sqlite3.Connection, ticket: Ticket) -> Promise | None:
        """What is reserved for an upload, which may be anew; raises 507 where it does not fit, 404 if its repo is gone.

        None where the repo has the file meanwhile.
        """
        check_repo_is_there(db, ticket)
        if has_large_file(db, ticket.repo_key, ticket.oid):
            return None
        target = _target(ticket.repo_key)
        with self.reservations.lock:
            promise = self.reservations.find(target, ticket.oid)
            if promise is None:
                promise = self.admit_one(db, target, _payer(db, ticket), ticket.oid, ticket.size)
            return promise

    def record(self, db: sqlite3.Connection, ticket: Ticket) -> None:
        """Notes that a repo has a file, which is in the store, in place of what was reserved for it.

        Raises 507 where it does not fit into the quota any more, 404 if the repo is gone.
        """
        with self.reservations.lock:
            self.reservations.end(_target(ticket.repo_key), ticket.oid)
            check_repo_is_there(db, ticket)
            if not has_large_file(db, ticket.repo_key, ticket.oid):
                self.check_quota(db, _payer(db, ticket), ticket.size)
            record_large_file(db, ticket)

    def forget(self, repo: Repo) -> None:
        """Takes back what was reserved for a repo that is deleted."""
        self.reservations.end_all(_target(repo.key))

    @contextmanager
    def arriving(self, arrival: Arrival) -> Iterator[None]:
        """Counts bytes while they come; raises 507 where they are more than is reserved, and do not fit."""
        with ExitStack() as stack:
            with self.reservations.lock:
                promised = arrival.promise.disk if arrival.promise else 0
                self.check_disk(max(0, arrival.size - promised))
                stack.enter_context(self.reservations.arriving(arrival))
            yield

    def _reserve(
        self,
        db: sqlite3.Connection,
        target: Target,
        namespace: str,
        sizes: Mapping[str, int],
        by_path: bool = False,
    ) -> None:
        wanted = {name: size for name, size in sizes.items() if size}
        with self.reservations.lock:
            for name in sizes:  # who asks again for the same wants it once
                self.reservations.end(target, name)
            self.check_disk(sum(wanted.values()))
            self.check_quota(db, namespace, sum(wanted.values()))
            self.reservations.promise(target, namespace, wanted, by_path)

    def charge(self, db: sqlite3.Connection, repo: Repo, entries: set[Entry]) -> None:
        """Counts the small files of a commit; raises 507 where they go beyond the quota."""
        size = sum(entry.size for entry in entries)
        self.check_quota(db, repo.namespace, size)
        self._count_small(db, repo, size)

    def charge_proposal(
        self, db: sqlite3.Connection, repo: Repo, number: int, payer: str, entries: set[Entry]
    ) -> None:
        """The same for a commit to a pull request, which its author pays for."""
        size = sum(entry.size for entry in entries)
        self.check_quota(db, payer, size)
        payers.charge_proposal(db, repo.key, number, payer, size)

    def take_over(
        self, db: sqlite3.Connection, repo: Repo, files: Set[str], number: int | None = None
    ) -> None:
        """Lets a repo's own namespace pay for files that are in a branch now: large ones, and a proposal's small ones.

        Raises 507 where they do not fit into its quota.
        """
        small = 0 if number is None else payers.take_over_proposal(db, repo.key, number)
        self.check_quota(db, repo.namespace, payers.proposed_size(db, repo.key, files) + small)
        payers.take_over_files(db, repo.key, files)
        if small:
            self._count_small(db, repo, small)

    def _count_small(self, db: sqlite3.Connection, repo: Repo, size: int) -> None:
        db.execute(
            "INSERT INTO small_bytes VALUES (?, ?) ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes",
            (repo.key, size),
        )


def _payer(db: sqlite3.Connection, ticket: Ticket) -> str:
    return ticket.payer or get_repo(db, ticket.repo_key).namespace


def _target(repo_key: int) -> Target:
    return "repo", repo_key


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
        "INSERT INTO small_bytes SELECT repo_id, max(0, sum(size) - (SELECT coalesce(sum(bytes), 0) "
        "FROM proposed_small_bytes AS proposed WHERE proposed.repo_id = reachable_files.repo_id)) "
        "FROM reachable_files WHERE kind = 'file' GROUP BY repo_id"
    )
