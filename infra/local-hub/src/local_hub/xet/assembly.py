"""Putting together the files of an upload from what has arrived of it."""

from collections.abc import Iterable, Iterator, Sequence

from local_hub.errors import ApiError
from local_hub.repos.lfs import Ticket, check_received
from local_hub.repos.reservations import Arrival
from local_hub.repos.store import RepoStore
from local_hub.xet.hashes import file_hash
from local_hub.xet.holdings import Content, check_named, find_held, namespace_of, record
from local_hub.xet.shards import ShardFile
from local_hub.xet.tokens import Owner
from local_hub.xet.uploads import Upload


def assemble(store: RepoStore, owner: Owner, upload: Upload, files: Sequence[ShardFile]) -> None:
    """Stores every file of a shard for the owner, checked by the hash that the owner will name it by.

    Raises 400 if a xorb that it needs has not been uploaded in the same session. Doing it twice does no harm.
    """
    for file in files:
        check_named(owner, file)
    heir = upload.find_heir(files)
    for file in files:
        if file is not heir and not _hold(store, owner, file):
            _copy(store, upload, owner, file)
    if heir is not None and not _hold(store, owner, heir):
        (_take_log if upload.is_spare(heir.terms) else _copy)(store, upload, owner, heir)
    upload.drop_stored()


def _hold(store: RepoStore, owner: Owner, file: ShardFile) -> bool:
    # In a transaction that writes, because a collection of garbage looks at both in one of its own.
    with store.database.write() as db:
        held = find_held(db, owner, file)
        return held is not None and store.blobs.note_wanted(held)


def _copy(store: RepoStore, upload: Upload, owner: Owner, file: ShardFile) -> None:
    """Stores a file beside what has arrived."""
    with store.database.read() as db:
        promise = store.room.admit_one(db, owner.target, namespace_of(db, owner), file.xet_hash, file.size)
    try:
        with (
            store.blobs.receive() as incoming,
            store.room.arriving(Arrival(owner.target, file.size, incoming, promise)),
        ):
            for chunk in _bounded(upload.chunks(file.terms), file):
                incoming.write(chunk)
            content = Content(incoming.sha256, incoming.size)
            _check(owner, upload, file, content)
            incoming.keep()
        upload.note(file.terms, content.sha256)
        with store.database.write() as db:
            record(db, owner, file, content)
    finally:
        store.room.reservations.end(owner.target, file.xet_hash)


def _take_log(store: RepoStore, upload: Upload, owner: Owner, file: ShardFile) -> None:
    """Stores a file by making it of the log, which is not there any more then."""
    store.room.reservations.end_announced(owner.target, file.size)
    with store.database.read() as db:
        store.room.check_quota(db, namespace_of(db, owner), file.size)
    count, leading = upload.count_leading(file.terms)
    content_hash = upload.hash_log(leading)
    with (
        store.blobs.receive_part() as rest,
        store.room.arriving(Arrival(owner.target, file.size - leading, rest)),
    ):
        for chunk in _bounded(upload.chunks(file.terms[count:]), file):
            rest.write(chunk)
            content_hash.update(chunk)
        content = Content(content_hash.hexdigest(), leading + rest.size)
        _check(owner, upload, file, content)
        upload.take_log(leading, rest, content.sha256)
    upload.note(file.terms, content.sha256)
    with store.database.write() as db:
        store.room.check_quota(db, namespace_of(db, owner), file.size)
        record(db, owner, file, content)


def _bounded(chunks: Iterable[bytes], file: ShardFile) -> Iterator[bytes]:
    """A shard can name the same chunks a million times: no more than there was found to be room for."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > file.size:
            raise _another_size(file)
        yield chunk


def _check(owner: Owner, upload: Upload, file: ShardFile, content: Content) -> None:
    """Raises 400 or 422 unless the content is what the shard says."""
    if content.size != file.size:
        raise _another_size(file)
    if file.sha256 is not None:
        check_received(Ticket(0, file.sha256, content.size), content.size, content.sha256)
    if owner.kind == "bucket" and (made := file_hash(upload.chunks(file.terms))) != file.xet_hash:
        raise ApiError(422, f"The content has Xet hash {made}, but {file.xet_hash} was announced")


def _another_size(file: ShardFile) -> ApiError:
    return ApiError(
        400, f"The Xet shard says that a file has {file.size} bytes, which its chunks do not have"
    )
