"""What a commit contains: a tree of folders, each stored once under the hash of its entries.

A commit rewrites only the folders on the way to what it changes; everything else is shared.
"""

import hashlib
import json
import sqlite3
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

EntryKind = Literal["folder", "file", "lfs"]


class DamagedFolderError(Exception):
    """The store lacks a folder that something leads to, or holds what is none."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder.

    `oid` is the id of the folder, or git's id of the file (of its pointer, if it is a large file).
    """

    kind: EntryKind
    oid: str
    size: int = 0
    sha256: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder, not a file."""
        return self.kind == "folder"


Folder = Mapping[str, Entry]

# About half a kilobyte each: enough for those who read one repo, whose folders come again and again.
CACHED_ENTRIES = 50_000


class _FolderCache:
    """The folders last read, as many as have so many entries between them; an id always means the same folder."""

    def __init__(self) -> None:
        self._folders: OrderedDict[str, Folder] = OrderedDict()
        self._entries = 0
        self._lock = threading.Lock()

    def find(self, tree_id: str) -> Folder | None:
        with self._lock:
            if tree_id in self._folders:
                self._folders.move_to_end(tree_id)
            return self._folders.get(tree_id)

    def add(self, tree_id: str, folder: Folder) -> None:
        with self._lock:
            if tree_id not in self._folders:
                self._folders[tree_id] = folder
                self._entries += len(folder)
            while self._entries > CACHED_ENTRIES and len(self._folders) > 1:
                self._entries -= len(self._folders.popitem(last=False)[1])


_cache = _FolderCache()


def load_folder(db: sqlite3.Connection, tree_id: str) -> Folder:
    """The entries of one folder by name, in order."""
    folder = _cache.find(tree_id)
    if folder is None:
        folder = read_folder(db, tree_id)
        _cache.add(tree_id, folder)
    return folder


def read_folder(db: sqlite3.Connection, tree_id: str) -> Folder:
    """The same past the cache, for those who go through all folders once."""
    row = db.execute("SELECT entries FROM trees WHERE id = ?", (tree_id,)).fetchone()
    if row is None:
        raise DamagedFolderError(f"the folder {tree_id} is missing from the store")
    try:
        return {name: Entry(*fields) for name, *fields in json.loads(zlib.decompress(row["entries"]))}
    except (TypeError, ValueError, zlib.error) as error:
        raise DamagedFolderError(f"the folder {tree_id} cannot be read") from error


def save_folder(db: sqlite3.Connection, entries: Folder) -> str:
    """Stores a folder and returns its id; the same entries have the same id."""
    rows = [
        [name, entry.kind, entry.oid, entry.size, entry.sha256] for name, entry in sorted(entries.items())
    ]
    content = json.dumps(rows, separators=(",", ":")).encode()
    tree_id = folder_id(content)
    db.execute("INSERT OR IGNORE INTO trees VALUES (?, ?)", (tree_id, zlib.compress(content, 1)))
    return tree_id


def folder_id(content: bytes) -> str:
    """The id of a folder whose entries are stored as these bytes, before they are compressed."""
    return hashlib.sha1(b"tree %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def find_entry(db: sqlite3.Connection, root_id: str, path: str) -> Entry | None:
    """The file or folder at a path, or None; the empty path is the root."""
    found: Entry | None = Entry("folder", root_id)
    for name in filter(None, path.split("/")):
        if found is None or not found.is_folder:
            return None
        found = load_folder(db, found.oid).get(name)
    return found


def walk(
    db: sqlite3.Connection, tree_id: str, prefix: str = "", recursive: bool = True, after: str = ""
) -> Iterator[tuple[str, Entry]]:
    """Every path below a folder with its entry, in order; a folder comes before what is in it.

    Begins behind `after`, a path below the folder, without loading the folders that come before it.
    """
    passed, _, rest = after.partition("/")
    for name, entry in load_folder(db, tree_id).items():
        if name < passed:
            continue
        path = f"{prefix}{name}"
        if name != passed:
            yield path, entry
        if recursive and entry.is_folder:
            yield from walk(db, entry.oid, f"{path}/", after=rest if name == passed else "")


def walk_files(db: sqlite3.Connection, tree_id: str) -> Iterator[tuple[str, Entry]]:
    """Every file below a folder."""
    return ((path, entry) for path, entry in walk(db, tree_id) if not entry.is_folder)
