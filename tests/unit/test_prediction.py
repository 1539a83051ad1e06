"""The one parser: strict, total, and otherwise the same as json.loads."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.prediction import FAILURES, ParsedCompletion, Prediction, find_failure, parse_completion

PERFECT = '{"predicted_category": "B", "confidence": 0.95, "reason": "Radial nerve."}'
NOT_JSON = ParsedCompletion(is_json=False, letter=None, prediction=None, problem="not JSON")
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda children: st.lists(children) | st.dictionaries(st.text("abc", max_size=3), children),
    max_leaves=12,
)


def answer(**changes):
    body = {"predicted_category": "B", "confidence": 0.95, "reason": "Radial nerve."} | changes
    return json.dumps({key: value for key, value in body.items() if value is not ...})


def test_a_perfect_answer_is_taken_apart():
    prediction = Prediction(predicted_category="B", confidence=0.95, reason="Radial nerve.")
    assert parse_completion(PERFECT) == ParsedCompletion(True, "B", prediction, None)


@pytest.mark.parametrize(
    "text", [f" \n\t{PERFECT}\r\n", answer(extra=[1, {"nested": None}]), answer(confidence=1)]
)
def test_whitespace_around_it_keys_beyond_and_a_whole_number_are_allowed(text):
    parsed = parse_completion(text)
    assert (parsed.is_json, parsed.letter, parsed.problem) == (True, "B", None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "The answer is B.",
        f"```json\n{PERFECT}\n```",
        f"<think>\n\n</think>\n\n{PERFECT}",
        f"{PERFECT} Hope this helps!",
        PERFECT + PERFECT,
        PERFECT[:-1],
        PERFECT.replace('"', "'"),
        f"\ufeff{PERFECT}",
        f"\u00a0{PERFECT}",
        "NaN",
        "-Infinity",
        '{"confidence": NaN}',
        '{"confidence": Infinity}',
        '{"confidence": 1e999}',
        '{"confidence": .5}',
        '{"confidence": 01}',
        '{"a": 1, "a": 1}',
        '{"b": {"a": 1, "a": 2}}',
        '{"a": 1,}',
        '{"reason": "a\nb"}',
        r'{"reason": "\ud800"}',
        r'{"\udfff": 1}',
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        "9" * 5_000,
    ],
)
def test_text_that_is_not_one_strict_json_value_is_not_json(text):
    assert parse_completion(text) == NOT_JSON


def test_a_surrogate_pair_is_one_character():
    assert parse_completion(answer(reason="\U0001f600")).prediction.reason == "\U0001f600"


@pytest.mark.parametrize("text", ["null", "3", '"B"', "[1]", "[]", "true"])
def test_json_that_is_no_object_has_no_letter(text):
    assert parse_completion(text) == ParsedCompletion(True, None, None, "not an object")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"predicted_category": ...}, "no predicted_category"),
        ({"confidence": ...}, "no confidence"),
        ({"reason": ...}, "no reason"),
        ({"predicted_category": "E"}, "predicted_category not A-D"),
        ({"predicted_category": "b"}, "predicted_category not A-D"),
        ({"predicted_category": " B"}, "predicted_category not A-D"),
        ({"predicted_category": "AB"}, "predicted_category not A-D"),
        ({"predicted_category": ""}, "predicted_category not A-D"),
        ({"predicted_category": 1}, "predicted_category not A-D"),
        ({"predicted_category": ["B"]}, "predicted_category not A-D"),
        ({"predicted_category": {"B": 1}}, "predicted_category not A-D"),
        ({"predicted_category": None}, "predicted_category not A-D"),
        ({"confidence": True}, "confidence not a number"),
        ({"confidence": "0.9"}, "confidence not a number"),
        ({"confidence": None}, "confidence not a number"),
        ({"confidence": 1.01}, "confidence outside 0-1"),
        ({"confidence": -0.01}, "confidence outside 0-1"),
        ({"confidence": 95}, "confidence outside 0-1"),
        ({"confidence": 10**400}, "confidence outside 0-1"),
        ({"reason": ""}, "reason blank or not text"),
        ({"reason": " \n\u3000"}, "reason blank or not text"),
        ({"reason": None}, "reason blank or not text"),
        ({"reason": ["x"]}, "reason blank or not text"),
    ],
)
def test_what_breaks_the_schema_is_named(changes, problem):
    parsed = parse_completion(answer(**changes))
    assert (parsed.is_json, parsed.prediction, parsed.problem) == (True, None, problem)


@pytest.mark.parametrize(
    ("failure", "texts"),
    {
        "empty": ["", " \n\t"],
        "think_block": [
            f"<think>\n\n</think>\n\n{PERFECT}", "<think>The radial nerve", f"Hm.</think>{PERFECT}",
            f"Well: <think>```json\n{PERFECT}\n```</think>",
        ],
        "code_fence": [f"```json\n{PERFECT}\n```", f"Sure:\n```\n{PERFECT}", f"{PERFECT}\n```", "```json\n{"],
        "prose_before": [
            "The answer is B.", f"Answer: {PERFECT}", f"\ufeff{PERFECT}", f"\u00a0{PERFECT}", "NaN", "B",
        ],
        "text_after": [f"{PERFECT} Hope this helps!", PERFECT + PERFECT, f"{PERFECT}\n<think>", "[1]]"],
        "broken_json": [
            PERFECT[:-1], PERFECT.replace('"', "'"), '{"confidence": NaN}', '{"a": 1, "a": 1}', "[" * 100_000,
            r'{"reason": "\ud800"}', '{"reason": "``` or <think>',
        ],
        "not_object": ["null", "3", '"B"', "[1]", " true "],
        "missing_key": ["{}", answer(confidence=...), answer(reason=..., predicted_category="E")],
        "wrong_letter": [answer(predicted_category=letter) for letter in ("E", "b", "AB", 1, None, ["B"])],
        "wrong_type": [answer(confidence="0.9"), answer(confidence=True), answer(reason=None)],
        "confidence_out_of_range": [answer(confidence=1.01), answer(confidence=95, reason=None)],
        "blank_reason": [answer(reason=""), answer(reason=" \n\u3000")],
        None: [PERFECT, f" {PERFECT}\n", answer(reason="```<think>")],
    }.items(),
)  # fmt: skip
def test_each_way_to_fail_has_its_name(failure, texts):
    assert {text[:80]: find_failure(text) for text in texts} == {text[:80]: failure for text in texts}


def test_what_was_cut_off_is_named_so_only_where_nothing_before_it_fits():
    assert find_failure(PERFECT[:-1], cut_off=True) == "cut_off"
    assert find_failure("<think>The radial", cut_off=True) == "think_block"
    assert find_failure(answer(reason=""), cut_off=True) == "blank_reason"
    assert find_failure(PERFECT, cut_off=True) is None


@pytest.mark.parametrize(
    "changes", [{"confidence": ...}, {"confidence": True}, {"reason": ""}, {"reason": ...}]
)
def test_the_letter_counts_even_where_the_rest_of_the_schema_fails(changes):
    assert parse_completion(answer(**changes)).letter == "B"


@pytest.mark.parametrize("confidence", [0, 0.0, -0.0, 1, 1.0, 5e-324])
def test_the_bounds_of_the_confidence_are_inside(confidence):
    assert parse_completion(answer(confidence=confidence)).problem is None


@given(st.text(st.characters()) | st.text('{}[]:,"\\ue019.-+tfn \n'))
def test_no_text_makes_it_raise(text):
    parsed = parse_completion(text)
    assert (parsed.prediction is None) == (parsed.problem is not None)
    assert parsed.is_json or (parsed.letter is None and parsed.problem == "not JSON")


@given(
    st.text(st.characters()) | st.text('{}[]:,"\\ue019.-+tfn \n`<think>') | JSON_VALUES.map(json.dumps),
    st.booleans(),
)
def test_a_failure_is_named_exactly_where_the_schema_does_not_hold(text, cut_off):
    failure, parsed = find_failure(text, cut_off), parse_completion(text)
    assert (failure is None) == (parsed.prediction is not None)
    assert failure is None or failure in FAILURES
    assert parsed.is_json == (failure is None or FAILURES.index(failure) >= FAILURES.index("not_object"))


@given(JSON_VALUES, st.sampled_from([None, 2]), st.booleans())
def test_whatever_json_dumps_writes_is_json(value, indent, ascii_only):
    assert parse_completion(
        json.dumps(value, indent=indent, ensure_ascii=ascii_only, allow_nan=False)
    ).is_json


@given(st.text('{}[]:,"\\ue019.-+ tfn'))
def test_it_accepts_nothing_that_json_loads_refuses(text):
    assert is_json_to_python(text) or not parse_completion(text).is_json


def is_json_to_python(text):
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@given(
    st.sampled_from("ABCD"),
    st.floats(0, 1),
    st.text(st.characters(exclude_categories=["Cs"])).filter(str.strip),
)
def test_an_answer_reads_back_as_it_was_written(letter, confidence, reason):
    parsed = parse_completion(answer(predicted_category=letter, confidence=confidence, reason=reason))
    assert parsed.letter == letter
    assert math.isclose(parsed.prediction.confidence, confidence)
    assert parsed.prediction.reason == reason
