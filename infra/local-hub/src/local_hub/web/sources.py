"""A file of a repo, to be looked into: its bytes are in the database or on disk."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from local_hub.repos.trees import Entry


@dataclass(frozen=True)
class Source:
    """A file at a path of a repo; `stored` are its bytes, or where they lie."""

    path: str
    entry: Entry
    stored: bytes | Path

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """What its name ends with, such as `.json`."""
        return suffix_of(self.path)

    def open(self) -> BinaryIO:
        """The file, for reading."""
        return io.BytesIO(self.stored) if isinstance(self.stored, bytes) else self.stored.open("rb")

    def head(self, limit: int) -> bytes:
        """At most so many of its first bytes."""
        with self.open() as file:
            return file.read(limit)


def suffix_of(path: str) -> str:
    """What the name at the end of a path ends with, such as `.json`."""
    _, dot, end = path.rpartition("/")[2].lower().rpartition(".")
    return dot + end
