"""What a commit changed: which files, and in small texts which lines."""

import difflib
import heapq
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from local_hub.errors import ApiError
from local_hub.repos.contents import read_content
from local_hub.repos.trees import EMPTY, Entry, Folder, load_folder
from local_hub.web.previews import decode

MAX_TEXT_BYTES = 256 * 1024
MAX_LINES = 8000
MAX_DIFF_LINES = 400
CONTEXT_LINES = 3
MAX_PAIRS = 20_000_000
MAX_PAIRS_OF_FILE = 5_000_000
_HUNK = re.compile(r"@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@")


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


class Patience:
    """How much comparing one page is worth: pairs of lines, of which a second sees about ten million."""

    def __init__(self) -> None:
        self._pairs = MAX_PAIRS

    def spend(self, pairs: int) -> bool:
        """Whether so many more are worth it; those that are not are not counted."""
        if pairs > min(self._pairs, MAX_PAIRS_OF_FILE):
            return False
        self._pairs -= pairs
        return True


def compare(
    db: sqlite3.Connection, before: str | None, after: str | None, prefix: str = ""
) -> Iterator[Change]:
    """The files that differ between two folders, in order; folders that are the same are not opened."""
    old = load_folder(db, before) if before else EMPTY
    new = load_folder(db, after) if after else EMPTY
    for name, was, is_now in _differences(old, new):
        path = f"{prefix}{name}"
        old_folder, new_folder = _folder_id(was), _folder_id(is_now)
        if old_folder or new_folder:
            yield from compare(db, old_folder, new_folder, f"{path}/")
        old_file, new_file = _file(was), _file(is_now)
        if old_file or new_file:
            yield Change(path, old_file, new_file)


def _differences(old: Folder, new: Folder) -> Iterator[tuple[str, Entry | None, Entry | None]]:
    """The names at which two folders differ, in order, and what each has there: without holding all of either."""
    sides = heapq.merge(
        ((name, 0, entry) for name, entry in old.items()), ((name, 1, entry) for name, entry in new.items())
    )
    for name, found in groupby(sides, key=itemgetter(0)):
        entries = {side: entry for _, side, entry in found}
        if entries.get(0) != entries.get(1):
            yield name, entries.get(0), entries.get(1)


def _folder_id(entry: Entry | None) -> str | None:
    return entry.oid if entry and entry.is_folder else None


def _file(entry: Entry | None) -> Entry | None:
    return None if entry and entry.is_folder else entry


def text_diff(db: sqlite3.Connection, change: Change, patience: Patience) -> Diff | None:
    """The lines that a change touched; None if a side is no small text, or comparing them takes too long."""
    before, after = _lines(db, change.before), _lines(db, change.after)
    if before is None or after is None:
        return None
    start, end = _same_ends(before, after)
    before, after = before[start : len(before) - end], after[start : len(after) - end]
    if not patience.spend(len(before) * len(after)):
        return None
    lines = list(difflib.unified_diff(before, after, lineterm=""))[2:]
    shown = [_shifted(line, start) for line in lines[:MAX_DIFF_LINES]]
    return Diff(shown, len(lines) > MAX_DIFF_LINES)


def _same_ends(before: list[str], after: list[str]) -> tuple[int, int]:
    """How many lines at the beginning and at the end need no comparing: the same, and further off than is shown."""
    shorter = min(len(before), len(after))
    start = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    end = next((at for at in range(shorter - start) if before[-1 - at] != after[-1 - at]), shorter - start)
    return max(0, start - CONTEXT_LINES), max(0, end - CONTEXT_LINES)


def _shifted(line: str, start: int) -> str:
    """The head of a hunk, counted from the beginning of the file; other lines as they are."""
    hunk = _HUNK.fullmatch(line) if start else None
    return (
        f"@@ -{int(hunk[1]) + start}{hunk[2] or ''} +{int(hunk[3]) + start}{hunk[4] or ''} @@"
        if hunk
        else line
    )


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
