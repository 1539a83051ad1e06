"""Large files: signed addresses to upload them to, and receiving what is uploaded there."""

import hashlib
import hmac
import math
import re
import sqlite3
import time
from dataclasses import dataclass
from typing import Any

from local_hub.errors import ApiError
from local_hub.repos.blobs import BLOCK_BYTES, BlobStore, IncomingBlob
from local_hub.repos.payers import note_payer

LIFETIME_SECONDS = 24 * 3600
# So many parts of the usual size; a signed address is made for each of them.
LARGEST_BYTES = 10_000 * 256 * 1024**2
_OID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Ticket:
    """Leave to upload one thing: the whole of a large file, one part of it, or the end of its parts.

    `payer` is whose quota it counts for, where that is not the namespace of the repo; `part` is 0 for the whole file or
    for the completion. `session` keeps the parts of one upload apart
    from those of another of the same file.
    """

    repo_key: int
    oid: str
    size: int
    part: int = 0
    session: str = ""
    expires: int = 0
    payer: str = ""

    def fields(self) -> dict[str, str]:
        """What the address says."""
        return {name: str(value) for name, value in vars(self).items()}


class TicketSigner:
    """Signs tickets, so that an upload needs no token, and refuses forged or expired ones."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def query(self, action: str, ticket: Ticket) -> dict[str, str]:
        """The query of a signed address."""
        return {**ticket.fields(), "signature": self._signature(action, ticket)}

    def verify(self, action: str, query: dict[str, str]) -> Ticket:
        """The ticket in a query; raises 403 if it was not signed here for this action, or is too old."""
        try:
            ticket = Ticket(
                int(query["repo_key"]),
                query["oid"],
                int(query["size"]),
                int(query["part"]),
                query["session"],
                int(query["expires"]),
                query["payer"],
            )
        except (KeyError, ValueError) as error:
            raise ApiError(403, "The signed address is incomplete") from error
        if not hmac.compare_digest(
            query.get("signature", "").encode(), self._signature(action, ticket).encode()
        ):
            raise ApiError(403, "The signature of the address is invalid")
        if ticket.expires < time.time():
            raise ApiError(403, "The signed address has expired; ask for a new one")
        return ticket

    def _signature(self, action: str, ticket: Ticket) -> str:
        text = "\n".join([action, *ticket.fields().values()])
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def parse_object_id(item: Any) -> tuple[str, int]:
    """The hash and size of a large file as a client names it; raises 422 if they cannot be that."""
    oid = item.get("oid") if isinstance(item, dict) else None
    size = item.get("size") if isinstance(item, dict) else None
    if not isinstance(oid, str) or not _OID.fullmatch(oid) or type(size) is not int or size < 0:
        raise ApiError(422, "A large file is named by its oid (SHA-256, 64 hex digits) and its size")
    if size > LARGEST_BYTES:
        raise ApiError(422, f"A large file has at most {LARGEST_BYTES} bytes; split {oid}")
    return oid, size


def part_count(size: int, part_bytes: int) -> int:
    """How many parts a file is uploaded in."""
    return math.ceil(size / part_bytes)


def has_large_file(db: sqlite3.Connection, repo_key: int, oid: str) -> bool:
    """Whether this very repo has the file: another repo's must not be had for knowing its hash."""
    found = db.execute("SELECT 1 FROM large_files WHERE repo_id = ? AND sha256 = ?", (repo_key, oid))
    return found.fetchone() is not None


def check_repo_is_there(db: sqlite3.Connection, ticket: Ticket) -> None:
    """Raises 404 if the repo has been deleted since the ticket was given."""
    if db.execute("SELECT 1 FROM repos WHERE id = ?", (ticket.repo_key,)).fetchone() is None:
        raise ApiError(404, "The repo was deleted during the upload", "RepoNotFound")


def record_large_file(db: sqlite3.Connection, ticket: Ticket) -> None:
    """Notes that the repo has the file, whose content must be in the store; raises 404 if the repo is gone."""
    check_repo_is_there(db, ticket)
    added = db.execute(
        "INSERT OR IGNORE INTO large_files VALUES (?, ?, ?)", (ticket.repo_key, ticket.oid, ticket.size)
    )
    if added.rowcount:
        note_payer(db, ticket.repo_key, ticket.oid, ticket.payer)


def check_received(ticket: Ticket, size: int, sha256: str) -> None:
    """Raises 422 unless what arrived is what was announced."""
    if size != ticket.size:
        raise ApiError(422, f"{size} bytes arrived of {ticket.size} that were announced for {ticket.oid}")
    if sha256 != ticket.oid:
        raise ApiError(422, f"The content has SHA-256 {sha256}, but {ticket.oid} was announced")


def join_parts(blobs: BlobStore, ticket: Ticket, parts: int, incoming: IncomingBlob) -> None:
    """Puts the parts of an upload together, checks the whole and stores it."""
    folder = blobs.parts_folder(ticket.session)
    for number in range(1, parts + 1):
        part = folder / str(number)
        if not part.exists():
            raise ApiError(422, f"Part {number} of {parts} of {ticket.oid} has not been uploaded")
        with part.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                incoming.write(block)
    check_received(ticket, incoming.size, incoming.sha256)
    incoming.keep()
    blobs.drop_parts(ticket.session)
