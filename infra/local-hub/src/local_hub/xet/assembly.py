"""Putting together the files of an upload from what has arrived of it."""

from collections.abc import Sequence

from local_hub.errors import ApiError
from local_hub.repos.blobs import IncomingBlob
from local_hub.repos.lfs import Ticket, check_received
from local_hub.repos.reservations import Arrival
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
            _assemble_file(store, xorbs, owner, file)
    xorbs.drop_stored()


def _assemble_file(store: RepoStore, xorbs: Xorbs, owner: Owner, file: ShardFile) -> None:
    with store.database.read() as db:
        promise = store.room.admit_one(db, owner.target, namespace_of(db, owner), file.xet_hash, file.size)
    try:
        with (
            store.blobs.receive() as incoming,
            store.room.arriving(Arrival(owner.target, file.size, incoming, promise)),
        ):
            _put_together(xorbs, owner, file, incoming)
        with store.database.write() as db:
            record(db, owner, file, Content(incoming.sha256, incoming.size))
    finally:
        store.room.reservations.end(owner.target, file.xet_hash)


def _put_together(xorbs: Xorbs, owner: Owner, file: ShardFile, incoming: IncomingBlob) -> None:
    places: dict[tuple[str, int], tuple[int, int]] = {}
    hasher = FileHasher() if owner.kind == "bucket" else None
    for term in file.terms:
        for index, chunk in enumerate(xorbs.chunks(term), start=term.first):
            places[term.xorb, index] = incoming.size, len(chunk)
            incoming.write(chunk)
            # A shard can name the same chunks a million times: no more than there was found to be room for.
            if incoming.size > file.size:
                raise _another_size(file)
            if hasher is not None:
                hasher.add(chunk)
    _check(file, incoming, hasher)
    incoming.keep()
    for (xorb, index), place in places.items():
        xorbs.note(xorb, index, (incoming.sha256, *place))


def _check(file: ShardFile, incoming: IncomingBlob, hasher: FileHasher | None) -> None:
    if incoming.size != file.size:
        raise _another_size(file)
    if file.sha256 is not None:
        check_received(Ticket(0, file.sha256, incoming.size), incoming.size, incoming.sha256)
    if hasher is not None and hasher.hexdigest() != file.xet_hash:
        raise ApiError(
            422, f"The content has Xet hash {hasher.hexdigest()}, but {file.xet_hash} was announced"
        )


def _another_size(file: ShardFile) -> ApiError:
    return ApiError(
        400, f"The Xet shard says that a file has {file.size} bytes, which its chunks do not have"
    )
