"""Changing a tree: loads the folders it touches, applies changes in order, saves what has changed."""

import sqlite3

from local_hub.errors import ApiError
from local_hub.repos.trees import Entry, load_folder, save_folder

_Node = dict[str, "Entry | _Node"]


class TreeEditor:
    """A tree under change. Paths must have been checked; folders exist as long as something is in them."""

    def __init__(self, db: sqlite3.Connection, root_id: str) -> None:
        self._db = db
        self._root: _Node = dict(load_folder(db, root_id))

    def put(self, path: str, entry: Entry) -> None:
        """Adds or replaces a file; raises 400 where that would turn a file into a folder or vice versa."""
        node = self._root
        *parents, name = path.split("/")
        for parent in parents:
            node.setdefault(parent, {})
            child = self._open(node, parent)
            if child is None:
                raise _clash(path)
            node = child
        if not _is_empty(self._open(node, name) or {}):
            raise _clash(path)
        node[name] = entry

    def delete(self, path: str) -> None:
        """Removes a file or a whole folder; raises 404 if there is none."""
        node: _Node | None = self._root
        *parents, name = path.rstrip("/").split("/")
        for parent in parents:
            node = self._open(node, parent) if node else None
        if not node or name not in node:
            raise ApiError(404, f"A file with this name doesn't exist: {path}", "EntryNotFound")
        del node[name]

    def save(self) -> str:
        """Stores the changed folders and returns the id of the new root."""
        return self._save(self._root)

    def _open(self, node: _Node, name: str) -> _Node | None:
        """The folder of that name, ready to be changed, or None if there is no such folder."""
        child = node.get(name)
        if isinstance(child, Entry) and child.is_folder:
            child = node[name] = dict(load_folder(self._db, child.oid))
        return child if isinstance(child, dict) else None

    def _save(self, node: _Node) -> str:
        entries: dict[str, Entry] = {}
        for name, child in node.items():
            if isinstance(child, Entry):
                entries[name] = child
            elif not _is_empty(child):
                entries[name] = Entry("folder", self._save(child))
        return save_folder(self._db, entries)


def _is_empty(node: _Node) -> bool:
    return all(isinstance(child, dict) and _is_empty(child) for child in node.values())


def _clash(path: str) -> ApiError:
    return ApiError(400, f"A file exists where you want to create a folder and vice-versa: {path}")
