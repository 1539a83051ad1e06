"""`local-hub verify`: hashes files, folders and commits again; says what is damaged and which commits it touches."""

import argparse
import hashlib
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from local_hub.directory import store_errors
from local_hub.errors import HubError
from local_hub.repos.blob_references import referenced_blobs
from local_hub.repos.blobs import OBJECTS_FOLDER, object_path
from local_hub.repos.contents import git_blob_id
from local_hub.repos.history import commit_id
from local_hub.repos.trees import DamagedFolderError, folder_id, walk_files

EXIT_WHOLE, EXIT_DAMAGED = 0, 1


def add_verify(commands: Any, place: argparse.ArgumentParser) -> None:
    """Adds the command to the command line."""
    text = "hash files, folders and commits again, and name what is damaged (exit code 1: something is)"
    command = commands.add_parser("verify", parents=[place], help=text, description=text)
    command.set_defaults(action=lambda options: verify(options.dir))


def verify(directory: Path) -> int:
    """Prints each damage in a line; returns the exit code. Changes nothing, so that the hub may run."""
    path = database_of(directory)
    with store_errors(directory), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        db.execute("BEGIN")
        damages = list(find_damage(db, directory / OBJECTS_FOLDER))
    print(*damages, f"{len(damages)} damaged" if damages else "whole: every hash is right", sep="\n")
    return EXIT_DAMAGED if damages else EXIT_WHOLE


def database_of(directory: Path) -> Path:
    """The database of the hub in a folder; raises `HubError` if there is none."""
    path = directory / "hub.sqlite3"
    if not path.is_file():
        raise HubError(f"There is no hub in {directory}; name its folder with --dir.")
    return path


def find_damage(db: sqlite3.Connection, objects: Path) -> Iterator[str]:
    """Each damage, in words."""
    bad_trees = {row["id"] for row in db.execute("SELECT * FROM trees") if not _is_whole_tree(row)}
    yield from (f"folder {tree_id}: its entries do not have this hash" for tree_id in sorted(bad_trees))
    bad = {
        row["sha256"]: "its content does not have this hash"
        for row in db.execute("SELECT * FROM contents")
        if hashlib.sha256(row["content"]).hexdigest() != row["sha256"]
    }
    for sha256, size in referenced_blobs(db).items():
        problem = _problem(object_path(objects, sha256), sha256, size)
        if problem:
            bad[sha256] = problem
    bad |= dict.fromkeys(_find_damaged_fetched(db), "its content does not have this hash")
    yield from (f"file {sha256}: {problem}" for sha256, problem in sorted(bad.items()))
    rows = db.execute("SELECT commits.*, type, namespace, name FROM commits JOIN repos ON repos.id = repo_id")
    for row in rows:
        yield from _damage_of_commit(db, row, bad, bad_trees)


def _damage_of_commit(
    db: sqlite3.Connection, row: sqlite3.Row, bad: dict[str, str], bad_trees: set[str]
) -> Iterator[str]:
    place = f"{row['type']} {row['namespace']}/{row['name']}@{row['sha'][:12]}"
    salt = row["salt"] if "salt" in row.keys() else None  # noqa: SIM118 - a Row's `in` looks at its values
    said = {name: row[name] for name in ("parent", "tree_id", "title", "message", "author", "created_at")}
    if salt is not None and commit_id(**said, salt=salt) != row["sha"]:
        yield f"{place}: what the commit says does not have its hash"
    parent = (row["repo_id"], row["parent"])
    if (
        row["parent"]
        and not db.execute("SELECT 1 FROM commits WHERE repo_id = ? AND sha = ?", parent).fetchone()
    ):
        yield f"{place}: the commit before it, {row['parent']}, is missing"
    try:
        for path, entry in walk_files(db, row["tree_id"]):
            if (entry.sha256 or entry.oid) in bad:
                yield f"{place}: {path} is damaged"
    except DamagedFolderError:
        yield f"{place}: a folder of it is damaged or missing"
    else:
        if row["tree_id"] in bad_trees:
            yield f"{place}: its root folder is damaged"


def _find_damaged_fetched(db: sqlite3.Connection) -> Iterator[str]:
    """The small files of copies of another Hub's repos, of which that tells git's ids only."""
    if db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'upstream_contents'").fetchone():
        rows = db.execute("SELECT oid, content FROM upstream_contents")
        yield from (row["oid"] for row in rows if git_blob_id(row["content"]) != row["oid"])


def _is_whole_tree(row: sqlite3.Row) -> bool:
    try:
        content = zlib.decompress(row["entries"])
    except zlib.error:
        return False
    return folder_id(content) == str(row["id"])


def _problem(path: Path, sha256: str, size: int) -> str | None:
    """What is wrong with a large file, or None."""
    if not path.is_file():
        return "it is missing"
    if path.stat().st_size != size:
        return f"it has {path.stat().st_size} bytes, not {size}"
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    return None if found == sha256 else "its content does not have this hash"
