"""How a job's raw output becomes lines."""

import re
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from local_hub.jobs.lines import MAX_LINE_CHARACTERS, LineSplitter, Redactor


def split(*pieces: bytes, secrets: Sequence[str] = ()) -> list[str]:
    splitter = LineSplitter(Redactor(secrets))
    return [line for piece in pieces for line in splitter.feed(piece)] + splitter.finish()


def test_every_line_end_ends_one_line():
    assert split(b"a\nb\r\nc\rd") == ["a", "b", "c", "d"]


def test_a_line_end_cut_in_two_is_one_line_end():
    assert split(b"a\r", b"\nb\n") == ["a", "b"]


def test_a_progress_bar_shows_each_drawing_without_waiting_for_a_newline():
    splitter = LineSplitter(Redactor([]))
    assert splitter.feed(b"10%\r20%\r30%") == ["10%", "20%"]


def test_empty_output_has_no_line_and_an_empty_line_is_one():
    assert split(b"") == []
    assert split(b"\n") == [""]


def test_a_character_cut_in_two_is_one_character():
    assert split("é".encode()[:1], "é".encode()[1:]) == ["é"]
    assert split("é".encode()[:1]) == ["\ufffd"]


@given(st.lists(st.binary(max_size=40)))
def test_how_the_output_is_cut_into_pieces_changes_nothing(pieces):
    whole = b"".join(pieces)
    assert split(*pieces) == split(whole)
    expected = re.split("\r\n|\n|\r", whole.decode("utf-8", "replace"))
    assert split(whole) == (expected if expected[-1] else expected[:-1])


@given(st.integers(0, 3 * MAX_LINE_CHARACTERS))
def test_a_long_line_is_cut_and_loses_nothing(length):
    lines = split(b"x" * length)
    assert "".join(lines) == "x" * length
    assert all(len(line) <= MAX_LINE_CHARACTERS for line in lines)


def test_secrets_are_taken_out_wherever_they_stand():
    redactor = Redactor(["password1", "password123"])
    assert redactor.clean("a=password123,b=password1") == "a=***,b=***"


def test_short_secrets_would_garble_the_log_and_are_left():
    assert Redactor(["on"]).clean("question") == "question"


def test_each_line_of_a_secret_is_one():
    key = "-----BEGIN KEY-----\r\nabcdefgh1234\r\n-----END KEY-----\r\n"
    assert split(b"it is\n", key.encode(), b"bye", secrets=[key]) == ["it is", "***", "***", "***", "bye"]


@settings(max_examples=30)
@given(st.integers(0, 30), st.integers(1, 60), st.sampled_from(["", "\n"]))
def test_a_secret_that_a_cut_would_part_is_taken_out_whole(before_cut, at_once, end):
    secrets = ["hf_0123456789", "hf_0123456789abcdefghij"]
    before, after = "x" * (MAX_LINE_CHARACTERS - before_cut), "y" * 100
    text = f"{before}{secrets[1]}{after}{end}"
    pieces = [text[at : at + at_once].encode() for at in range(len(before) - 50, len(text), at_once)]
    lines = split(text[: len(before) - 50].encode(), *pieces, secrets=secrets)
    assert "".join(lines) == f"{before}***{after}"
    assert all(len(line) <= MAX_LINE_CHARACTERS for line in lines)


def test_a_secret_longer_than_a_line_is_taken_out_whole():
    secret = "s" * (MAX_LINE_CHARACTERS + 10)
    assert split(f"a{secret}b".encode(), secrets=[secret]) == ["a", "***", "b"]
