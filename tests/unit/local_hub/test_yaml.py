"""What stands at the top of a README may be made to hurt whoever reads it."""

import json

import pytest

from local_hub.repos.cards import InvalidCard, parse_card
from local_hub.repos.yaml_text import InvalidYaml, read_yaml

NESTED = "\n".join(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12))
BOMB = f"a0: &a0 [{{}}]\n{NESTED}"
LONG = f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 1000)}]"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOMB, "with its aliases written out, it is too long"),
        (LONG, "with its aliases written out, it is too long"),
        ("a: &a [*a]", "it contains itself"),
        ("a: &a {b: *a}", "it contains itself"),
        ("a: " + "[" * 100_000, "it is nested deeper than 50 levels"),
        ("a: 2020-13-01", "a value cannot be read"),
        ("a: !!timestamp x", "a value cannot be read"),
        ("a: !!int x", "a value cannot be read"),
        ("a: " + "9" * 5000, "a value cannot be read"),
        ("a: 0x" + "f" * 5000, "a number has more than 300 digits"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("x" * 2**21, "it is longer than"),
    ],
    ids=range(12),
)
def test_yaml_that_would_break_its_reader_is_refused_with_a_reason(text, why):
    with pytest.raises(InvalidYaml, match=why):
        read_yaml(text)
    with pytest.raises(InvalidCard, match="Invalid YAML"):
        parse_card(f"---\n{text}\n---\n")


def test_values_that_json_lacks_become_texts():
    text = "a: [.nan, -.inf, 1.5, 2020-01-02, !!binary aGk=, ~]\n2020-01-01: x\ntrue: y\n"
    expected = {"a": ["nan", "-inf", 1.5, "2020-01-02", "b'hi'", None], "2020-01-01": "x", "true": "y"}
    assert read_yaml(text) == expected
    json.dumps(expected, allow_nan=False)


def test_an_alias_stands_for_what_it_names():
    assert read_yaml("a: &x [1, 2]\nb: *x\nc: {<<: {d: 3}}") == {"a": [1, 2], "b": [1, 2], "c": {"d": 3}}
