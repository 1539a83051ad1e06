"""What has arrived of an upload: its xorbs, and in which stored files the chunks of those are that are gone.

A xorb leaves the disk as soon as all its chunks are in files. A later shard of the same upload may still name them:
where they are is kept beside, in `<xorb>.places`, until the upload is over.
"""

import json
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from local_hub.errors import ApiError
from local_hub.repos.blobs import BlobStore
from local_hub.xet.formats import Term, chunks_of, count_chunks

# A chunk's file by SHA-256, and its first byte and its size there.
Place = tuple[str, int, int]
Places = dict[int, Place]


@dataclass
class Xorbs:
    """The xorbs of one upload."""

    blobs: BlobStore
    session: str
    _places: dict[str, Places] = field(default_factory=dict)

    def chunks(self, term: Term) -> Iterator[bytes]:
        """The contents of a run of chunks; raises 400 where they have not been uploaded."""
        path = self._path(term.xorb)
        if path.exists():
            yield from chunks_of(_mapped(path), term.first, term.last)
        else:
            yield from self._stored_chunks(term)

    def note(self, xorb: str, index: int, place: Place) -> None:
        """Remembers where a chunk has been stored."""
        self._places_of(xorb)[index] = place

    def drop_stored(self) -> None:
        """Removes each xorb of which all chunks have been stored."""
        for xorb, places in self._places.items():
            path = self._path(xorb)
            if not path.exists():
                continue
            self._places_path(xorb).write_text(
                json.dumps([[index, *place] for index, place in places.items()])
            )
            if places.keys() >= set(range(count_chunks(_mapped(path)))):
                path.unlink()

    def _stored_chunks(self, term: Term) -> Iterator[bytes]:
        places = self._places_of(term.xorb)
        for index in range(term.first, term.last):
            if index not in places:
                raise ApiError(400, f"The Xet shard names xorb {term.xorb}, which has not been uploaded")
            sha256, offset, size = places[index]
            with self.blobs.path(sha256).open("rb") as file:
                file.seek(offset)
                yield file.read(size)

    def _places_of(self, xorb: str) -> Places:
        if xorb not in self._places:
            path = self._places_path(xorb)
            rows = json.loads(path.read_text("ascii")) if path.exists() else []
            self._places[xorb] = {index: (sha256, offset, size) for index, sha256, offset, size in rows}
        return self._places[xorb]

    def _path(self, xorb: str) -> Path:
        return self.blobs.parts_folder(self.session) / xorb

    def _places_path(self, xorb: str) -> Path:
        return self._path(xorb).with_suffix(".places")


def _mapped(path: Path) -> memoryview:
    """A file's content, unmapped when nobody refers to it any more: an error may, longer than a `with` block."""
    with open(path, "rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
