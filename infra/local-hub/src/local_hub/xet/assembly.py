"""Putting together the files of an upload from what has arrived of it."""

from collections.abc import Sequence

from local_hub.errors import ApiError
from local_hub.repos.blobs import IncomingBlob
from local_hub.repos.lfs import Ticket, check_received
from local_hub.repos.store import RepoStore
from local_hub.xet.formats import ShardFile
from local_hub.xet.hashes import FileHasher
from local_hub.xet.holdings import Content, check_named, find_held, namespace_of, record
from local_hub.xet.tokens import Owner
from local_hub.xet.xorbs import Xorbs


def assemble(store: RepoStore, owner: Owner, session: str, files: Sequence[ShardFile]) -> None:
    """Stores every file of a shard for the owner, checked by the hash that the owner will name it by.

    Raises 400 if a xorb that it needs has not been uploaded in the same session. Doing it twice does no harm.
    """
    xorbs = Xorbs(store.blobs, session)
    for file in files:
        check_named(owner, file)
        # In a transaction that writes, because a collection of garbage looks at both in one of its own.
        with store.database.write() as db:
            held = find_held(db, owner, file)
            done = held is not None and store.blobs.note_wanted(held)
        if not done:
            content = _assemble_file(store, xorbs, owner, file)
            with store.database.write() as db:
                store.room.check_quota(db, namespace_of(db, owner), content.size)
                record(db, owner, file, content)
    xorbs.drop_stored()


def _assemble_file(store: RepoStore, xorbs: Xorbs, owner: Owner, file: ShardFile) -> Content:
    placed = []
    hasher = FileHasher() if owner.kind == "bucket" else None
    with store.blobs.receive() as incoming:
        for term in file.terms:
            for index, chunk in enumerate(xorbs.chunks(term), start=term.first):
                placed.append((term.xorb, index, incoming.size, len(chunk)))
                incoming.write(chunk)
                if hasher is not None:
                    hasher.add(chunk)
        _check(file, incoming, hasher)
        incoming.keep()
    for xorb, index, offset, size in placed:
        xorbs.note(xorb, index, (incoming.sha256, offset, size))
    return Content(incoming.sha256, incoming.size)


def _check(file: ShardFile, incoming: IncomingBlob, hasher: FileHasher | None) -> None:
    if file.sha256 is not None:
        check_received(Ticket(0, file.sha256, incoming.size), incoming.size, incoming.sha256)
    if hasher is not None and hasher.hexdigest() != file.xet_hash:
        raise ApiError(
            422, f"The content has Xet hash {hasher.hexdigest()}, but {file.xet_hash} was announced"
        )
