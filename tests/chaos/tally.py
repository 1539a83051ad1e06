"""What was broken, and what was lost or doubled by it."""

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Counts of one run, kept by several threads.

    Attributes:
        kills: by victim.
        faults: by kind.
        resumed: attempts that went on from a checkpoint, by phase.
        acknowledged: writes that a client was told had been stored.
        lost: descriptions of acknowledged writes that are not there.
        doubled: descriptions of writes that are there more than once.
        wrong: anything else that is not as it must be.
    """

    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    resumed: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def kill(self, victim: str) -> None:
        """Count a kill."""
        with self.lock:
            self.kills[victim] += 1

    def acknowledge(self, number: int) -> None:
        """Count writes that were said to be stored."""
        with self.lock:
            self.acknowledged += number

    def check(self, what: str, expected: bool) -> None:
        """Note what is not as it must be."""
        if not expected:
            self.note(self.wrong, what)

    def check_written_once(
        self, where: str, acknowledged: Iterable[str], tried: Iterable[str], found: Counter[str]
    ) -> None:
        """Compare what writers know with what is there: each acknowledged write once, the others once or not at all."""
        acknowledged = list(acknowledged)
        self.acknowledge(len(acknowledged))
        for name in acknowledged:
            if not found[name]:
                self.note(self.lost, f"{where}: {name}")
        for name, times in found.items():
            if times > 1:
                self.note(self.doubled, f"{where}: {name} ({times} times)")
        for name in set(found) - set(tried):
            self.note(self.wrong, f"{where}: {name} was never written")

    def note(self, notes: list[str], what: str) -> None:
        """Keep a finding and print it at once."""
        with self.lock:
            notes.append(what)
        self.say(f"FOUND: {what}")

    def say(self, text: str) -> None:
        """Print a line with the time since the beginning."""
        minutes, seconds = divmod(int(time.monotonic() - self.began), 60)
        print(f"[{minutes:02}:{seconds:02}] {text}", flush=True)

    @property
    def is_good(self) -> bool:
        """Whether nothing was lost, doubled or otherwise wrong."""
        return not (self.lost or self.doubled or self.wrong)

    def table(self) -> str:
        """Return the counts as text."""
        rows = [("kill -9", "", self.kills.total())]
        rows += [("", victim, count) for victim, count in sorted(self.kills.items())]
        rows += [("injected faults", "", self.faults.total())]
        rows += [("", kind, count) for kind, count in sorted(self.faults.items())]
        rows += [("resumed trainings", "", self.resumed.total())]
        rows += [
            ("acknowledged writes", "", self.acknowledged),
            ("", "lost", len(self.lost)),
            ("", "doubled", len(self.doubled)),
            ("other findings", "", len(self.wrong)),
        ]
        return "\n".join(f"{group or '  ' + name:32}{count:>8}" for group, name, count in rows)
