"""What became of the client's tests, compared with what is expected."""

import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# pytest writes it itself, about the hub that this run started.
CALLS = "property[@name='hub_requests']"


@dataclass(frozen=True)
class Verdict:
    """How the tests that call a Hub ended, and whether that is news; `unread` are files that pytest could not load."""

    passed: frozenset[str]
    failed: frozenset[str]
    reasons: dict[str, str]
    unread: tuple[str, ...] = ()

    @property
    def newly_failing(self) -> list[str]:
        """Tests that fail without a reason given."""
        return sorted(self.failed - self.reasons.keys())

    @property
    def no_longer_failing(self) -> list[str]:
        """Tests with a reason to fail that pass, or are not there."""
        return sorted(self.reasons.keys() - self.failed)

    @property
    def is_as_expected(self) -> bool:
        """Whether all were run, and exactly those failed of which a reason is given."""
        return not self.unread and not self.newly_failing and not self.no_longer_failing

    def lines(self) -> Iterator[str]:
        """The report."""
        for file in self.unread:
            yield f"not run, as it cannot be loaded: {file}"
        for test in self.newly_failing:
            yield f"newly failing: {test}"
        for test in self.no_longer_failing:
            yield f"expected to fail, but passes or is gone: {test}"
        total = len(self.passed) + len(self.failed)
        known = len(self.failed) - len(self.newly_failing)
        yield f"{len(self.passed)} of {total} tests that call a Hub pass; {known} fail for a reason that is given."


def judge(results: Path, expected: Path) -> Verdict:
    """Reads pytest's results and the file of reasons."""
    cases = list(ElementTree.parse(results).iter("testcase"))
    outcomes = {f"{case.get('classname')}::{case.get('name')}": _failed(case) for case in _judged(cases)}
    return Verdict(
        passed=frozenset(test for test, failed in outcomes.items() if not failed),
        failed=frozenset(test for test, failed in outcomes.items() if failed),
        reasons=read_reasons(expected),
        unread=tuple(case.get("name", "") for case in cases if _is_unread(case)),
    )


def read_reasons(expected: Path) -> dict[str, str]:
    """Each test that is expected to fail, with the reason."""
    groups = tomllib.loads(expected.read_text("utf-8"))["fails"]
    return {test: group["reason"] for group in groups for test in group["tests"]}


def _judged(cases: list[ElementTree.Element]) -> Iterator[ElementTree.Element]:
    """The tests that called the hub; the others judge the client alone."""
    for case in cases:
        calls = case.find(f".//{CALLS}")
        if calls is not None and int(calls.get("value", "0")) and case.find("skipped") is None:
            yield case


def _is_unread(case: ElementTree.Element) -> bool:
    error = case.find("error")
    return error is not None and error.get("message") == "collection failure"


def _failed(case: ElementTree.Element) -> bool:
    return case.find("failure") is not None or case.find("error") is not None
