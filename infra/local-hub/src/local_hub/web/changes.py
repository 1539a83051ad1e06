"""What a commit changed: which files, and in small texts which lines."""

import difflib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from local_hub.errors import ApiError
from local_hub.repos.contents import read_content
from local_hub.repos.trees import Entry, load_folder
from local_hub.web.previews import decode

MAX_TEXT_BYTES = 256 * 1024
MAX_LINES = 8000
MAX_DIFF_LINES = 400


@dataclass(frozen=True)
class Change:
    """A file before and after; None where it is not."""

    path: str
    before: Entry | None
    after: Entry | None

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"


@dataclass(frozen=True)
class Diff:
    """The lines of a unified diff, without its header."""

    lines: list[str]
    is_cut: bool


def compare(
    db: sqlite3.Connection, before: str | None, after: str | None, prefix: str = ""
) -> Iterator[Change]:
    """The files that differ between two folders, in order; folders that are the same are not opened."""
    old = load_folder(db, before) if before else {}
    new = load_folder(db, after) if after else {}
    for name in sorted(old.keys() | new.keys()):
        was, is_now, path = old.get(name), new.get(name), f"{prefix}{name}"
        if was == is_now:
            continue
        old_folder, new_folder = _folder_id(was), _folder_id(is_now)
        if old_folder or new_folder:
            yield from compare(db, old_folder, new_folder, f"{path}/")
        old_file, new_file = _file(was), _file(is_now)
        if old_file or new_file:
            yield Change(path, old_file, new_file)


def _folder_id(entry: Entry | None) -> str | None:
    return entry.oid if entry and entry.is_folder else None


def _file(entry: Entry | None) -> Entry | None:
    return None if entry and entry.is_folder else entry


def text_diff(db: sqlite3.Connection, change: Change) -> Diff | None:
    """The lines that a change touched; None if a side is no small text."""
    before, after = _lines(db, change.before), _lines(db, change.after)
    if before is None or after is None:
        return None
    lines = list(difflib.unified_diff(before, after, lineterm=""))[2:]
    return Diff(lines[:MAX_DIFF_LINES], len(lines) > MAX_DIFF_LINES)


def _lines(db: sqlite3.Connection, entry: Entry | None) -> list[str] | None:
    if entry is None:
        return []
    if entry.kind != "file" or entry.size > MAX_TEXT_BYTES:
        return None
    try:
        text = decode(read_content(db, entry))
    except ApiError:  # its content is not on this machine
        return None
    lines = None if text is None else text.splitlines()
    return lines if lines is not None and len(lines) <= MAX_LINES else None
