"""How the run of the libraries' own tests is judged."""

from pathlib import Path

import pytest
from conformance.suites import SUITES
from conformance.verdict import judge, read_reasons

HERE = Path(__file__).parents[1] / "conformance"
CASE = '<testcase classname="t.T" name="{name}"><properties><property name="hub_requests" value="{calls}"/>'
REASONS = """
[[fails]]
reason = "Not there."
tests = ["t.T::known", "t.T::mended"]
"""


def case(name, outcome="", calls=1):
    return CASE.format(name=name, calls=calls) + f"</properties>{outcome}</testcase>"


def verdict(folder, *cases):
    (folder / "results.xml").write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    (folder / "expected.toml").write_text(REASONS)
    return judge(folder / "results.xml", folder / "expected.toml")


def test_what_changes_in_either_direction_shows(tmp_path):
    result = verdict(
        tmp_path, case("known", "<failure/>"), case("mended"), case("broken", "<error/>"), case("fine")
    )
    assert not result.is_as_expected
    assert list(result.lines()) == [
        "newly failing: t.T::broken",
        "expected to fail, but passes or is gone: t.T::mended",
        "2 of 4 tests that call a Hub pass; 1 fail for a reason that is given.",
    ]


def test_tests_that_call_no_hub_or_are_skipped_are_not_judged(tmp_path):
    known = [case(name, "<failure/>") for name in ("known", "mended")]
    result = verdict(
        tmp_path, *known, case("client alone", "<failure/>", calls=0), case("skipped", "<skipped/>")
    )
    assert (result.is_as_expected, result.passed) == (True, frozenset())


def test_a_file_that_cannot_be_loaded_is_no_success(tmp_path):
    known = [case(name, "<failure/>") for name in ("known", "mended")]
    unread = '<testcase classname="" name="t"><error message="collection failure"/></testcase>'
    result = verdict(tmp_path, *known, unread)
    assert not result.is_as_expected
    assert next(result.lines()) == "not run, as it cannot be loaded: t"


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_each_test_that_is_expected_to_fail_has_one_reason(suite):
    file = HERE / suite.expected
    text, reasons = file.read_text("utf-8"), read_reasons(file)
    assert all(reasons.values())
    assert text.count('    "tests.') == len(reasons)
