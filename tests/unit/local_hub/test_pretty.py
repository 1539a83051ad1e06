"""JSON laid out for reading."""

import json

from local_hub.web.pretty import MAX_CHARACTERS, MAX_LINES, lay_out


def test_it_is_as_json_indents_it():
    value = {"a": [1, {"b": None}], "ü": "x" * 5000, "e": {}}
    assert lay_out(value) == (json.dumps(value, indent=2, ensure_ascii=False), False)


def test_what_grows_by_its_indents_is_cut():
    """Half a megabyte, which indented is 440 MB."""
    text, is_cut = lay_out(json.loads("[" * 880 + "1," * 250_000 + "1" + "]" * 880))
    assert is_cut
    assert len(text) < MAX_CHARACTERS + 5000


def test_more_lines_than_are_shown_are_cut():
    text, is_cut = lay_out(list(range(MAX_LINES * 2)))
    assert is_cut
    assert MAX_LINES <= text.count("\n") <= MAX_LINES + 2
