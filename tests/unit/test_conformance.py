"""How the run of the client's own tests is judged."""

from pathlib import Path

from conformance.verdict import judge, read_reasons

EXPECTED = Path(__file__).parents[1] / "conformance" / "expected.toml"
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


def test_each_test_that_is_expected_to_fail_has_one_reason():
    text = EXPECTED.read_text("utf-8")
    reasons = read_reasons(EXPECTED)
    assert all(reasons.values())
    assert text.count('    "tests.') == len(reasons)
