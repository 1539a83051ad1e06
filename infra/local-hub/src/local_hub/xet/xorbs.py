"""Where the chunks of a xorb are that has arrived."""

from array import array
from dataclasses import dataclass

from local_hub.xet.shards import Term


@dataclass(frozen=True)
class Run:
    """Chunks `first` to `last` - 1 of a xorb, which lie behind each other from `offset` on in a stored content."""

    first: int
    last: int
    sha256: str
    offset: int


class Xorb:
    """A xorb that has arrived: where its chunks are."""

    def __init__(self, ends: "array[int]", start: int) -> None:
        # Where each chunk begins in the xorb's contents, and where the last one ends.
        self.ends = ends
        # In the log; None when that is gone, because all of it has been stored.
        self.start: int | None = start
        # Of each chunk, whether a file that is complete has it.
        self.is_stored = bytearray(len(ends) - 1)
        self._runs: list[Run] = []
        self._run_of = array("l", bytes(array("l").itemsize * len(self.is_stored)))

    def has(self, term: Term) -> bool:
        """Whether there are such chunks."""
        return term.first < term.last <= len(self.is_stored)

    def size(self, first: int, last: int) -> int:
        """How many bytes a run of chunks has."""
        return self.ends[last] - self.ends[first]

    def note(self, run: Run) -> None:
        """Remembers where chunks have been stored."""
        count = run.last - run.first
        self.is_stored[run.first : run.last] = b"\1" * count
        self._run_of[run.first : run.last] = array("l", [len(self._runs)] * count)
        self._runs.append(run)

    def run_of(self, index: int) -> Run | None:
        """Where a chunk has been stored."""
        return self._runs[self._run_of[index]] if self.is_stored[index] else None
