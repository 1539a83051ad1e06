"""What is checked, what came of it, and what can no longer be checked because of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from shared.errors import BadInput, GuardTripped

Verdict = Literal["holds", "fails", "unknown"]


class NotRecorded(Exception):
    """There is nothing to compare with; the message says what is missing."""


@dataclass(frozen=True)
class Finding:
    """One claim of the manifest, and whether it is so."""

    subject: str
    claim: str
    verdict: Verdict
    detail: str


@dataclass
class Checklist:
    """The findings so far.

    Attributes:
        begin: told of a check before it is made.
        show: told of each finding.
    """

    begin: Callable[[str], None]
    show: Callable[[Finding], None]
    findings: list[Finding] = field(default_factory=list)
    _broken: set[str] = field(default_factory=set)

    def check(
        self,
        subject: str,
        claim: str,
        prove: Callable[[], str],
        on: object = None,
        needs: Iterable[object] = (),
    ) -> None:
        """Make one check; a failure of the Hub itself passes, since it says nothing about the run.

        Args:
            subject: what the claim is about.
            claim: what is claimed.
            prove: returns what was found, and raises `BadInput` or `GuardTripped` where the claim does not hold.
            on: what is no foundation for other checks if this one fails.
            needs: what this check is founded on.
        """
        self.begin(f"{subject}: {claim}")
        self.add(self._judge(subject, claim, prove, needs), on)

    def add(self, finding: Finding, on: object = None) -> None:
        """Add a finding."""
        if finding.verdict == "fails" and on is not None:
            self._broken.add(str(on))
        self.findings.append(finding)
        self.show(finding)

    def count(self, verdict: Verdict) -> int:
        """Return how many findings have a verdict."""
        return sum(finding.verdict == verdict for finding in self.findings)

    def _judge(self, subject: str, claim: str, prove: Callable[[], str], needs: Iterable[object]) -> Finding:
        missing = next((str(need) for need in needs if str(need) in self._broken), None)
        if missing is not None:
            return Finding(subject, claim, "unknown", f"not checked, because {missing} is not as recorded")
        try:
            return Finding(subject, claim, "holds", prove())
        except NotRecorded as gap:
            return Finding(subject, claim, "unknown", f"not recorded: {gap}")
        except (BadInput, GuardTripped) as refuted:
            return Finding(subject, claim, "fails", str(refuted))
