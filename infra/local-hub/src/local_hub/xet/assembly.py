"""Putting together the files of an upload from what has arrived of it."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from local_hub.errors import ApiError
from local_hub.repos.lfs import Ticket, check_received, has_large_file, record_large_file
from local_hub.repos.store import RepoStore
from local_hub.xet.formats import ShardFile, Term, chunks_of


def assemble(store: RepoStore, ticket: Ticket, files: list[ShardFile]) -> None:
    """Stores every file of a shard as a large file of the ticket's repo, checked by its SHA-256.

    Raises 400 if a xorb that it needs has not been uploaded in the same session. Doing it twice does no harm.
    """
    for file in files:
        with store.database.read() as db:
            done = has_large_file(db, ticket.repo_key, file.sha256)
        if not done:
            size = _assemble_file(store, ticket.session, file)
            with store.database.write() as db:
                record_large_file(db, replace(ticket, oid=file.sha256, size=size))


def _assemble_file(store: RepoStore, session: str, file: ShardFile) -> int:
    folder = store.blobs.parts_folder(session)
    with store.blobs.receive() as incoming:
        for term in file.terms:
            with _open_xorb(folder, term) as xorb:
                for chunk in chunks_of(xorb, term.first, term.last):
                    incoming.write(chunk)
        check_received(Ticket(0, file.sha256, incoming.size), incoming.size, incoming.sha256)
        incoming.keep()
        return incoming.size


@contextmanager
def _open_xorb(folder: Path, term: Term) -> Iterator[memoryview]:
    path = folder / term.xorb
    if not path.exists():
        raise ApiError(400, f"The Xet shard names xorb {term.xorb}, which has not been uploaded")
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
        memoryview(content) as view,
    ):
        yield view
