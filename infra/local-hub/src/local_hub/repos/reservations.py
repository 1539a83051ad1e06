"""Room that is promised to uploads under way, so that two of which only one fits do not both begin.

Kept in memory: when the hub ends, the uploads do, and what they left on the disk goes when it starts again.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

# Where nothing of a request's files comes for so long, its client has given up, or was killed.
QUIET_SECONDS = 1800.0

# `repo` or `bucket`, and the database's number for it.
Target = tuple[str, int]


@dataclass(eq=False)
class Batch:
    """What one request asked for; it lives on while something of it comes.

    `session` is the upload by Xet that it was announced for, once that has begun: see `take_announced`.
    """

    target: Target
    names: set[str]
    newest: float = field(default_factory=time.monotonic)
    session: str = ""


@dataclass(eq=False)
class Promise:
    """So many bytes of a namespace's quota, and so many of the disk's that are still to come."""

    namespace: str
    quota: int
    disk: int
    batch: Batch
    is_kept: bool = True


class Incoming(Protocol):
    """What is coming in; so many bytes of it have come."""

    size: int


@dataclass(eq=False)
class Arrival:
    """So many bytes that come right now: those that have come are on the disk already.

    `session` is that of an upload by Xet, of whose files nothing tells which the bytes are of.
    """

    target: Target
    size: int
    incoming: Incoming
    promise: Promise | None = None
    session: str = ""

    def feeds(self, batch: Batch) -> bool:
        """Whether the bytes may be of what was asked for there."""
        if self.promise is not None and batch is self.promise.batch:
            return True
        return bool(self.session) and batch.target == self.target and batch.session in ("", self.session)

    @property
    def to_come(self) -> int:
        """How many bytes are still to come."""
        return max(self.size - self.incoming.size, 0)


class Reservations:
    """What is promised for which target, by names: that of a content, or of a path before its content is known."""

    def __init__(self) -> None:
        # Held by whoever looks whether there is room and then promises it.
        self.lock = threading.RLock()
        self._promises: dict[tuple[Target, str], Promise] = {}
        # Of those that go by a path.
        self._by_size: dict[tuple[Target, int], dict[str, None]] = defaultdict(dict)
        self._batches: set[Batch] = set()
        self._arrivals: set[Arrival] = set()
        self._quotas: Counter[str] = Counter()
        self._disk = 0

    def find(self, target: Target, name: str) -> Promise | None:
        """What is promised for an upload."""
        with self.lock:
            self._end_quiet()
            return self._promises.get((target, name))

    def promise(
        self, target: Target, namespace: str, sizes: Mapping[str, int], by_path: bool = False
    ) -> None:
        """Promises room for files of these sizes, in place of what was promised by the same names."""
        with self.lock:
            batch = Batch(target, set(sizes))
            for name, size in sizes.items():
                self.end(target, name)
                self._promises[target, name] = Promise(namespace, size, size, batch)
                if by_path:
                    self._by_size[target, size][name] = None
                self._quotas[namespace.lower()] += size
                self._disk += size
            if sizes:
                self._batches.add(batch)

    def end(self, target: Target, name: str) -> None:
        """Takes a promise back: the upload is complete, or is counted in another way from now on."""
        with self.lock:
            promise = self._promises.pop((target, name), None)
            if promise is None:
                return
            self._quotas[promise.namespace.lower()] -= promise.quota
            self._disk -= promise.disk
            promise.is_kept = False
            same_size = self._by_size.get((target, promise.quota), {})
            same_size.pop(name, None)
            if not same_size:
                self._by_size.pop((target, promise.quota), None)
            promise.batch.names.discard(name)
            if not promise.batch.names:
                self._batches.discard(promise.batch)

    def end_announced(self, target: Target, size: int) -> None:
        """Takes back one promise of that size that was made for a path: its content goes by a hash from now on."""
        with self.lock:
            names = self._by_size.get((target, size))
            if names:
                self.end(target, next(iter(names)))

    def take_announced(self, target: Target, session: str) -> None:
        """Takes what was announced for a target, and no upload by Xet has taken, for one that begins.

        A client announces, then begins to upload: what one that was killed has announced is not kept by others' bytes.
        """
        with self.lock:
            for batch in self._batches:
                if batch.target == target and not batch.session:
                    batch.session = session

    def find_announced(self, target: Target, session: str) -> Promise | None:
        """The largest of those that were made for a path and may be this upload's, by what is still to come."""
        with self.lock:
            names = [name for (owner, _), names in self._by_size.items() if owner == target for name in names]
            made = [self._promises[target, name] for name in names]
            its_own = [promise for promise in made if promise.batch.session in ("", session)]
            return max(its_own, key=lambda promise: promise.disk, default=None)

    def end_all(self, target: Target) -> None:
        """Takes back all that was promised for a target that is gone."""
        with self.lock:
            for batch in [batch for batch in self._batches if batch.target == target]:
                self._end_batch(batch)

    def quota_of(self, namespace: str) -> int:
        """How many bytes of a namespace's quota are promised."""
        with self.lock:
            self._end_quiet()
            return self._quotas[namespace.lower()]

    def disk(self) -> int:
        """How many bytes of the disk are promised and have not come yet."""
        with self.lock:
            self._end_quiet()
            return self._disk + sum(arrival.to_come for arrival in self._arrivals)

    @contextmanager
    def arriving(self, arrival: Arrival) -> Iterator[None]:
        """Counts bytes while they come, as part of what was promised; without a promise, look for room before."""
        taken = self._begin(arrival)
        try:
            yield
        except BaseException:
            self._give_back(arrival, taken)  # the client may try again
            raise
        finally:
            with self.lock:
                self._arrivals.discard(arrival)
                self._refresh(arrival)

    def _begin(self, arrival: Arrival) -> int:
        with self.lock:
            taken = min(arrival.promise.disk, arrival.size) if arrival.promise else 0
            self._give_back(arrival, -taken)
            self._arrivals.add(arrival)
            return taken

    def _give_back(self, arrival: Arrival, size: int) -> None:
        with self.lock:
            if arrival.promise is not None and arrival.promise.is_kept:
                arrival.promise.disk += size
                self._disk += size

    def _refresh(self, arrival: Arrival) -> None:
        for batch in filter(arrival.feeds, self._batches):
            batch.newest = time.monotonic()

    def _end_quiet(self) -> None:
        for arrival in self._arrivals:
            self._refresh(arrival)
        oldest = time.monotonic() - QUIET_SECONDS
        for batch in [batch for batch in self._batches if batch.newest < oldest]:
            self._end_batch(batch)

    def _end_batch(self, batch: Batch) -> None:
        for name in list(batch.names):
            self.end(batch.target, name)
