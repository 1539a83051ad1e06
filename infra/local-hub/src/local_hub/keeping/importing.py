"""`local-hub import`: the repos of an archive, under the commit ids that they have, wholly or not at all."""

import argparse
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

from local_hub.config import DEFAULT_KEEP_FREE_BYTES
from local_hub.database import Database
from local_hub.directory import prepare_directory, store_errors
from local_hub.errors import ApiError, HubError
from local_hub.keeping.archive import (
    COMMIT_FIELDS,
    DAMAGED,
    PULL_REQUEST_FIELDS,
    ArchivedRepo,
    DamagedArchiveError,
)
from local_hub.keeping.opening import open_store
from local_hub.keeping.staging import Staging, open_archive, read_manifest
from local_hub.progress import Progress
from local_hub.repos import mirrors
from local_hub.repos.blobs import BlobStore
from local_hub.repos.history import Commit, insert_commit, set_ref
from local_hub.repos.names import check_repo_name
from local_hub.repos.registry import delete_repo, find_by_present_name, insert_repo
from local_hub.sizes import format_bytes
from local_hub.state import find_running, hold_store
from local_hub.transactions import write_transaction


def add_import(commands: Any, place: argparse.ArgumentParser) -> None:
    """Adds the command to the command line."""
    text = "add the repos of an archive that export has written; the hub may run"
    command = commands.add_parser("import", parents=[place], help=text, description=text)
    command.add_argument("file", type=Path, metavar="FILE", help="the archive")
    command.add_argument(
        "--as", dest="name", metavar="NAMESPACE/NAME", help="another name, for the only repo in it"
    )
    command.add_argument(
        "--force", action="store_true", help="replace repos that are here, with all their history"
    )
    command.set_defaults(
        action=lambda options: import_archive(options.dir, options.file, options.name, options.force)
    )


def import_archive(directory: Path, file: Path, name: str | None = None, force: bool = False) -> int:
    """Checks the whole archive, then adds its repos in one transaction; prints which."""
    prepare_directory(directory)
    with store_errors(directory), _hub_as_it_is(directory), open_store(directory) as (database, blobs):
        session = f"import-{token_hex(8)}"
        try:
            repos = _take_in(directory, database, blobs, session, file, name, force)
        finally:
            blobs.drop_parts(session)
    for repo in repos:
        print(f"imported {repo.id} ({len(repo.commits)} commits)")
    return 0


def _take_in(
    directory: Path,
    database: Database,
    blobs: BlobStore,
    session: str,
    file: Path,
    name: str | None,
    force: bool,
) -> list[ArchivedRepo]:
    with open_archive(file) as archive:
        manifest, repos = read_manifest(archive)
        repos = _renamed(repos, name)
        with database.read() as db:
            _check_names(db, repos, force)
        _check_disk(directory, manifest["bytes"])
        staging = Staging(blobs.parts_folder(session))
        with Progress("importing", manifest["bytes"]) as progress:
            staging.take(archive, progress)
        staging.check(repos)
    with database.connection() as db:
        _add_all(db, blobs, staging, repos, force)
    return repos


def _add_all(
    db: sqlite3.Connection, blobs: BlobStore, staging: Staging, repos: Sequence[ArchivedRepo], force: bool
) -> None:
    db.execute("ATTACH ? AS staged", (str(staging.database),))
    try:
        with write_transaction(db):
            _check_names(db, repos, force)
            for sha256 in staging.large:
                blobs.place(staging.path(sha256), sha256)
            for table in ("trees", "contents"):  # in place of what may be damaged here
                db.execute(f"INSERT OR REPLACE INTO main.{table} SELECT * FROM staged.{table}")  # noqa: S608
            for repo in repos:
                _add(db, repo, *staging.files_of(repo))
    except FileNotFoundError as error:
        raise HubError(
            "The hub was started meanwhile, and swept what had come. Import the archive again."
        ) from error
    except (sqlite3.IntegrityError, sqlite3.InterfaceError, sqlite3.ProgrammingError) as error:
        raise DamagedArchiveError(DAMAGED.format(f"its manifest is none ({error})")) from error
    finally:
        db.execute("DETACH staged")


def _add(db: sqlite3.Connection, archived: ArchivedRepo, large: dict[str, int], small_bytes: int) -> None:
    present = find_by_present_name(db, archived.type, archived.namespace, archived.name)  # type: ignore[arg-type]
    if present is not None:
        delete_repo(db, present)
    repo = insert_repo(db, archived.type, archived.namespace, archived.name, archived.private)  # type: ignore[arg-type]
    db.execute(
        "UPDATE repos SET gated = ?, created_at = ? WHERE id = ?",
        (archived.gated, archived.created_at, repo.key),
    )
    for item in archived.commits:
        *fields, salt = (item[name] for name in COMMIT_FIELDS)
        insert_commit(db, repo, Commit(*fields), salt)
    for name, sha in archived.branches.items():
        set_ref(db, repo, "heads", name, sha)
    for name, sha in archived.tags.items():
        set_ref(db, repo, "tags", name, sha)
    columns = ", ".join(("repo_id", *PULL_REQUEST_FIELDS))
    marks = ", ".join("?" * (1 + len(PULL_REQUEST_FIELDS)))
    rows = [(repo.key, *(item[name] for name in PULL_REQUEST_FIELDS)) for item in archived.pull_requests]
    db.executemany(f"INSERT INTO pull_requests ({columns}) VALUES ({marks})", rows)  # noqa: S608
    db.executemany("INSERT INTO large_files VALUES (?, ?, ?)", [(repo.key, *item) for item in large.items()])
    db.execute("INSERT INTO small_bytes VALUES (?, ?)", (repo.key, small_bytes))


def _renamed(repos: list[ArchivedRepo], name: str | None) -> list[ArchivedRepo]:
    if name is None:
        return repos
    if len(repos) != 1:
        raise HubError(
            f"--as names one repo, but the archive holds {len(repos)}: {', '.join(r.id for r in repos)}."
        )
    namespace, _, name = name.removeprefix("datasets/").partition("/")
    try:
        check_repo_name(namespace)
        check_repo_name(name)
    except ApiError as error:
        raise HubError(f"--as: {error.message}") from error
    return [replace(repos[0], namespace=namespace, name=name)]


def _check_names(db: sqlite3.Connection, repos: Sequence[ArchivedRepo], force: bool) -> None:
    """Raises `HubError` where a repo would go to a name that is taken, or among copies of another Hub's."""
    for repo in repos:
        try:
            mirrors.check_own_namespace(db, repo.namespace)
        except ApiError as error:
            raise HubError(f"{error.message}. Import it under another: --as NAMESPACE/NAME.") from error
    taken = [repo.id for repo in repos if find_by_present_name(db, repo.type, repo.namespace, repo.name)]  # type: ignore[arg-type]
    if taken and not force:
        other = "another name (--as NAMESPACE/NAME) or " if len(repos) == 1 else ""
        raise HubError(
            f"Here already: {', '.join(taken)}. Nothing was imported; choose {other}--force, which replaces them."
        )


def _check_disk(directory: Path, needed: int) -> None:
    free = shutil.disk_usage(directory).free
    if needed > free - DEFAULT_KEEP_FREE_BYTES:
        raise HubError(
            f"The disk of {directory} has not enough space: {format_bytes(needed)} needed, {format_bytes(free)} free."
        )


@contextmanager
def _hub_as_it_is(directory: Path) -> Iterator[None]:
    """Keeps a hub that does not run from starting, which would sweep what comes in."""
    if find_running(directory) is not None:
        yield
    else:
        with hold_store(directory):
            yield
