"""What a commit contains: a tree of folders, each stored once under the hash of its entries.

A commit rewrites only the folders on the way to what it changes; everything else is shared.
"""

import hashlib
import json
import re
import sqlite3
import sys
import threading
import zlib
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from local_hub.errors import DamagedStoreError

EntryKind = Literal["folder", "file", "lfs"]


class DamagedFolderError(DamagedStoreError):
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


# What separates two rows of a folder as it is stored; in a text, a quote has a backslash before it.
_BETWEEN_ROWS = re.compile(rb'"\],\["')
_JSON = json.JSONEncoder(separators=(",", ":"))
_ROWS_AT_ONCE = 512
# To look a name up reads the names of a few rows: of one in so many it is at hand.
_ROWS_A_MARK = 64
CACHED_BYTES = 16 * 1024**2


class Folder:
    """The entries of one folder by name, in order, each read from its row when it is asked for.

    A row takes a third of the memory that its `Entry` does: of 100,000 files, 15 MB.
    """

    def __init__(self, tree_id: str, content: bytes) -> None:
        """Takes a folder as it is stored: `[row,row,…]`."""
        self._id = tree_id
        self._content = content
        # Where each row begins, and where one behind the last would.
        self._starts = array("Q", [1])
        if content != b"[]":
            self._starts.extend(found.end() - 2 for found in _BETWEEN_ROWS.finditer(content))
            self._starts.append(len(content))
        self._marks = [self._name(place) for place in range(0, len(self), _ROWS_A_MARK)]

    def __len__(self) -> int:
        """How many entries it has."""
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[str]:
        """Their names."""
        return (name for name, _ in self.items())

    @property
    def size(self) -> int:
        """How many bytes of memory it takes, about."""
        return len(self._content) + self._starts.itemsize * len(self._starts)

    def get(self, name: str) -> Entry | None:
        """The entry of that name, or None."""
        place = self._place(name)
        return self._read(place, place + 1)[0][1] if self._has(place, name) else None

    def items(self, first: str = "") -> Iterator[tuple[str, Entry]]:
        """Names and entries, from a name on, whether it is there or not."""
        for start in range(self._place(first) if first else 0, len(self), _ROWS_AT_ONCE):
            yield from self._read(start, min(start + _ROWS_AT_ONCE, len(self)))

    def changed(self, changes: Mapping[str, Entry | None]) -> bytes:
        """The same with some entries added, replaced or (None) removed, as it is stored."""
        parts, kept_from = [], 0
        for name, entry in sorted(changes.items()):
            place = self._place(name)
            parts.append(self._rows(kept_from, place))
            if entry is not None:
                parts.append(_row(name, entry))
            kept_from = place + self._has(place, name)
        parts.append(self._rows(kept_from, len(self)))
        return b"[%b]" % b",".join(filter(None, parts))

    def _place(self, name: str) -> int:
        begin = max(0, bisect_right(self._marks, name) - 1) * _ROWS_A_MARK
        end = min(begin + _ROWS_A_MARK, len(self))
        return bisect_left(range(len(self)), name, begin, end, key=self._name)

    def _has(self, place: int, name: str) -> bool:
        return place < len(self) and self._name(place) == name

    def _name(self, place: int) -> str:
        start = self._starts[place] + len('["')
        name = self._content[start : self._content.index(b'"', start)]
        # Where it has something escaped, this may be its beginning only.
        return name.decode() if b"\\" not in name else self._read(place, place + 1)[0][0]

    def _read(self, start: int, end: int) -> list[tuple[str, Entry]]:
        try:
            return [(name, _entry(*fields)) for name, *fields in json.loads(b"[%b]" % self._rows(start, end))]
        except (TypeError, ValueError) as error:
            raise _unreadable(self._id) from error

    def _rows(self, start: int, end: int) -> bytes:
        return self._content[self._starts[start] : self._starts[end] - 1]


EMPTY = Folder("", b"[]")


def _row(name: str, entry: Entry) -> bytes:
    return _JSON.encode([name, entry.kind, entry.oid, entry.size, entry.sha256]).encode()


def _entry(kind: str, *fields: Any) -> Entry:
    return Entry(sys.intern(kind), *fields)  # type: ignore[arg-type]


def _unreadable(tree_id: str) -> DamagedFolderError:
    return DamagedFolderError(f"the folder {tree_id} cannot be read")


class _FolderCache:
    """The folders last read, as many as have so many bytes between them; an id always means the same folder."""

    def __init__(self) -> None:
        self._folders: OrderedDict[str, Folder] = OrderedDict()
        self._bytes = 0
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
                self._bytes += folder.size
            while self._bytes > CACHED_BYTES and len(self._folders) > 1:
                self._bytes -= self._folders.popitem(last=False)[1].size


_cache = _FolderCache()


def load_folder(db: sqlite3.Connection, tree_id: str) -> Folder:
    """One folder, which its next readers find in memory."""
    folder = _cache.find(tree_id)
    if folder is None:
        folder = _load(db, tree_id)
        _cache.add(tree_id, folder)
    return folder


def read_folder(db: sqlite3.Connection, tree_id: str) -> dict[str, Entry]:
    """All entries of one folder by name, in order, past the cache: for those who go through all folders once."""
    return dict(_load(db, tree_id).items())


def _load(db: sqlite3.Connection, tree_id: str) -> Folder:
    row = db.execute("SELECT entries FROM trees WHERE id = ?", (tree_id,)).fetchone()
    if row is None:
        raise DamagedFolderError(f"the folder {tree_id} is missing from the store")
    try:
        return Folder(tree_id, zlib.decompress(row["entries"]))
    except (TypeError, ValueError, zlib.error) as error:
        raise _unreadable(tree_id) from error


def save_folder(db: sqlite3.Connection, entries: Mapping[str, Entry]) -> str:
    """Stores a folder and returns its id; the same entries have the same id."""
    return save_changed(db, EMPTY, entries)


def save_changed(db: sqlite3.Connection, folder: Folder, changes: Mapping[str, Entry | None]) -> str:
    """Stores a folder as it is after some changes, None for what is not to be in it, and returns its id."""
    content = folder.changed(changes)
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
    for name, entry in load_folder(db, tree_id).items(passed):
        path = f"{prefix}{name}"
        if name != passed:
            yield path, entry
        if recursive and entry.is_folder:
            yield from walk(db, entry.oid, f"{path}/", after=rest if name == passed else "")


def walk_files(db: sqlite3.Connection, tree_id: str) -> Iterator[tuple[str, Entry]]:
    """Every file below a folder."""
    return ((path, entry) for path, entry in walk(db, tree_id) if not entry.is_folder)
