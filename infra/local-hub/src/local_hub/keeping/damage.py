"""Finding what is damaged in a store: each file, folder and commit is looked at once, whatever leads to it."""

import hashlib
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from local_hub.progress import Progress
from local_hub.repos.blob_references import referenced_blobs
from local_hub.repos.blobs import BLOCK_BYTES, object_path
from local_hub.repos.contents import git_blob_id, lfs_pointer
from local_hub.repos.history import commit_id
from local_hub.repos.trees import DamagedFolderError, Entry, folder_id, read_folder

WRONG_HASH, MISSING = "its content does not have this hash", "it is missing"
# Paths of a commit that lead to damage; of a folder that is damaged all over, some tell enough.
MOST_PATHS = 1000


class _Bad(NamedTuple):
    """A path below a folder, and what is wrong with what it names."""

    path: str
    problem: str


def hash_blobs(db: sqlite3.Connection, objects: Path, progress: Progress) -> dict[str, str]:
    """What is wrong with the large files on disk, by their hash. Not in a transaction: it may take hours."""
    problems = {}
    for sha256, size in sorted(referenced_blobs(db).items()):
        problem = _problem(object_path(objects, sha256), sha256, size, progress)
        if problem:
            problems[sha256] = problem
    return problems


def bytes_to_hash(db: sqlite3.Connection) -> int:
    """How much there is of files, large and small."""
    small = db.execute("SELECT coalesce(sum(length(content)), 0) FROM contents").fetchone()[0]
    return int(small) + sum(referenced_blobs(db).values())


class Inspection:
    """Looks through a database, in one transaction of its reader's; `bad_blobs` is what `hash_blobs` has found."""

    def __init__(
        self, db: sqlite3.Connection, objects: Path, bad_blobs: Mapping[str, str], progress: Progress
    ) -> None:
        self._db = db
        self._progress = progress
        self._sizes = referenced_blobs(db)
        # What nothing needs any more has been removed since, and what came since has been hashed as it came.
        self._bad = {name: problem for name, problem in bad_blobs.items() if name in self._sizes}
        self._bad |= {name: MISSING for name in self._sizes if not object_path(objects, name).is_file()}
        self._bad_folders: dict[str, str] = {}
        self._paths: dict[tuple[str, bool], list[_Bad]] = {}
        self._tables = {row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}

    def run(self) -> Iterator[str]:
        """Each damage, in words: the things themselves, then what they are part of."""
        self._hash_small_files()
        self._hash_folders()
        touched = [*self._inspect_repos(), *self._inspect_buckets()]
        yield from (f"folder {name}: {problem}" for name, problem in sorted(self._bad_folders.items()))
        yield from (f"file {name}: {problem}" for name, problem in sorted(self._bad.items()))
        yield from touched

    def _hash_small_files(self) -> None:
        self._db.execute("DROP TABLE IF EXISTS temp.small_files")
        self._db.execute(
            "CREATE TEMP TABLE small_files (sha256 TEXT PRIMARY KEY, size INTEGER, oid TEXT) WITHOUT ROWID"
        )
        for row in self._db.execute("SELECT sha256, content FROM contents"):
            content = row["content"]
            if hashlib.sha256(content).hexdigest() != row["sha256"]:
                self._bad[row["sha256"]] = WRONG_HASH
            known = row["sha256"], len(content), git_blob_id(content)
            self._db.execute("INSERT INTO small_files VALUES (?, ?, ?)", known)
            self._progress.add(len(content))
        # Of copies of another Hub's repos, which tells git's ids only.
        if "upstream_contents" in self._tables:
            for row in self._db.execute("SELECT oid, content FROM upstream_contents"):
                if git_blob_id(row["content"]) != row["oid"]:
                    self._bad[row["oid"]] = WRONG_HASH

    def _hash_folders(self) -> None:
        for row in self._db.execute("SELECT id, entries FROM trees"):
            try:
                whole = folder_id(zlib.decompress(row["entries"])) == row["id"]
            except (TypeError, zlib.error):
                whole = False
            if not whole:
                self._bad_folders[row["id"]] = "its entries do not have this hash"

    def _inspect_repos(self) -> Iterator[str]:
        copies = set()
        if "upstream_repos" in self._tables:
            copies = {row["repo_id"] for row in self._db.execute("SELECT repo_id FROM upstream_repos")}
        for repo in self._db.execute("SELECT * FROM repos ORDER BY id").fetchall():
            place = f"{repo['type']} {repo['namespace']}/{repo['name']}"
            commits = self._db.execute(
                "SELECT * FROM commits WHERE repo_id = ? ORDER BY rowid", (repo["id"],)
            ).fetchall()
            known = {commit["sha"] for commit in commits}
            for name, sha in self._refs(repo["id"]):
                if sha not in known:
                    yield f"{place}: {name} leads to the commit {sha}, which is missing"
            for commit in commits:
                at = f"{place}@{commit['sha'][:12]}"
                yield from (f"{at}: {text}" for text in _damage_of_commit(commit, known))
                paths = self._paths_below(commit["tree_id"], is_copy=repo["id"] in copies)
                yield from (f"{at}: {path or 'its root folder'} {problem}" for path, problem in paths)

    def _refs(self, repo_key: int) -> Iterable[tuple[str, str]]:
        return self._db.execute(
            "SELECT CASE kind WHEN 'heads' THEN 'the branch ' ELSE 'the tag ' END || name, sha "
            "FROM refs WHERE repo_id = :repo "
            "UNION ALL SELECT 'the pull request ' || number, sha FROM pull_requests WHERE repo_id = :repo",
            {"repo": repo_key},
        ).fetchall()

    def _inspect_buckets(self) -> Iterator[str]:
        if "bucket_files" not in self._tables:
            return
        rows = self._db.execute(
            "SELECT namespace, name, path, sha256 FROM bucket_files JOIN buckets ON buckets.id = bucket_id"
        )
        for row in rows:
            if row["sha256"] in self._bad:
                yield f"bucket {row['namespace']}/{row['name']}: {row['path']} {_in_a_path(self._bad[row['sha256']])}"

    def _paths_below(self, tree_id: str, is_copy: bool) -> list[_Bad]:
        """The paths below a folder that lead to damage; a folder is looked at once for all commits that have it."""
        key = tree_id, is_copy
        if key not in self._paths:
            self._paths[key] = list(islice(self._paths_in(tree_id, is_copy), MOST_PATHS))
        return self._paths[key]

    def _paths_in(self, tree_id: str, is_copy: bool) -> Iterator[_Bad]:
        if tree_id in self._bad_folders:
            yield _Bad("", "is damaged")
            return
        try:
            folder = read_folder(self._db, tree_id)
        except DamagedFolderError:
            self._bad_folders[tree_id] = MISSING
            yield _Bad("", "is missing")
            return
        for name, entry in folder.items():
            if entry.is_folder:
                below = self._paths_below(entry.oid, is_copy)
                yield from (_Bad(f"{name}/{path}", problem) for path, problem in below)
            elif problem := self._problem_of(entry, is_copy):
                yield _Bad(name, problem)

    def _problem_of(self, entry: Entry, is_copy: bool) -> str | None:
        """What is wrong with a file. A copy of another Hub's repo lacks what nobody has asked for."""
        if (entry.sha256 or entry.oid) in self._bad:
            return _in_a_path(self._bad[entry.sha256 or entry.oid])
        found = self._find(entry)
        if found is None:
            if is_copy:
                return None
            self._bad.setdefault(entry.sha256, MISSING)
            return "is missing"
        # Others may write the pointer, of which this is the id, another way.
        if is_copy and entry.kind == "lfs":
            return None if found[0] == entry.size else "has another size than its folder says"
        return None if found == (entry.size, entry.oid) else "has another size or id than its folder says"

    def _find(self, entry: Entry) -> tuple[int, str] | None:
        """Size and git's id of what the store has for an entry."""
        if entry.kind == "lfs":
            size = self._sizes.get(entry.sha256)
            return None if size is None else (size, git_blob_id(lfs_pointer(entry.sha256, size)))
        row = self._db.execute(
            "SELECT size, oid FROM small_files WHERE sha256 = ?", (entry.sha256,)
        ).fetchone()
        return None if row is None else (row["size"], row["oid"])


def _damage_of_commit(commit: sqlite3.Row, known: set[str]) -> Iterator[str]:
    salt = commit["salt"] if "salt" in commit.keys() else None  # noqa: SIM118 - a Row's `in` looks at its values
    said = {name: commit[name] for name in ("parent", "tree_id", "title", "message", "author", "created_at")}
    if salt is not None and commit_id(**said, salt=salt) != commit["sha"]:
        yield "what the commit says does not have its hash"
    if commit["parent"] and commit["parent"] not in known:
        yield f"the commit before it, {commit['parent']}, is missing"


def _in_a_path(problem: str) -> str:
    return "is missing" if problem == MISSING else "is damaged"


def _problem(path: Path, sha256: str, size: int, progress: Progress) -> str | None:
    """What is wrong with a large file, or None."""
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        return MISSING
    digest, found = hashlib.sha256(), 0
    with file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            found += len(block)
            progress.add(len(block))
    if found != size:
        return f"it has {found} bytes, not {size}"
    return None if digest.hexdigest() == sha256 else WRONG_HASH
