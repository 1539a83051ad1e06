"""Changing a tree: opens the folders it touches, applies changes in order, saves what has changed."""

import sqlite3
from dataclasses import dataclass, field

from local_hub.errors import ApiError
from local_hub.repos.trees import EMPTY, Entry, Folder, load_folder, save_changed


@dataclass
class _OpenFolder:
    """A folder as it is stored, and what is to become of some of its names: None where nothing is to be there."""

    stored: Folder
    changes: "dict[str, Entry | _OpenFolder | None]" = field(default_factory=dict)

    def find(self, name: str) -> "Entry | _OpenFolder | None":
        return self.changes[name] if name in self.changes else self.stored.get(name)

    def is_empty(self) -> bool:
        if any(_holds_something(child) for child in self.changes.values()):
            return False
        return len(self.stored) == sum(self.stored.get(name) is not None for name in self.changes)


class TreeEditor:
    """A tree under change. Paths must have been checked; folders exist as long as something is in them."""

    def __init__(self, db: sqlite3.Connection, root_id: str) -> None:
        self._db = db
        self._root = _OpenFolder(load_folder(db, root_id))

    def put(self, path: str, entry: Entry) -> None:
        """Adds or replaces a file; raises 400 where that would turn a file into a folder or vice versa."""
        folder = self._root
        *parents, name = path.split("/")
        for parent in parents:
            if folder.find(parent) is None:
                folder.changes[parent] = _OpenFolder(EMPTY)
            child = self._open(folder, parent)
            if child is None:
                raise _clash(path)
            folder = child
        replaced = self._open(folder, name)
        if replaced is not None and not replaced.is_empty():
            raise _clash(path)
        folder.changes[name] = entry

    def delete(self, path: str) -> None:
        """Removes a file or a whole folder; raises 404 if there is none."""
        folder: _OpenFolder | None = self._root
        *parents, name = path.rstrip("/").split("/")
        for parent in parents:
            folder = self._open(folder, parent) if folder is not None else None
        if folder is None or folder.find(name) is None:
            raise ApiError(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
        folder.changes[name] = None

    def save(self) -> str:
        """Stores the changed folders and returns the id of the new root."""
        return self._save(self._root)

    def _open(self, folder: _OpenFolder, name: str) -> _OpenFolder | None:
        """The folder of that name, ready to be changed, or None if there is no such folder."""
        child = folder.find(name)
        if isinstance(child, Entry) and child.is_folder:
            child = folder.changes[name] = _OpenFolder(load_folder(self._db, child.oid))
        return child if isinstance(child, _OpenFolder) else None

    def _save(self, folder: _OpenFolder) -> str:
        changes = {name: self._saved(child) for name, child in folder.changes.items()}
        return save_changed(self._db, folder.stored, changes)

    def _saved(self, child: Entry | _OpenFolder | None) -> Entry | None:
        if not isinstance(child, _OpenFolder):
            return child
        return None if child.is_empty() else Entry("folder", self._save(child))


def _holds_something(child: Entry | _OpenFolder | None) -> bool:
    return not child.is_empty() if isinstance(child, _OpenFolder) else child is not None


def _clash(path: str) -> ApiError:
    return ApiError(400, f"A file exists where you want to create a folder and vice-versa: {path}")
