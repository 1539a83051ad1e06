"""Appending pieces to a file: all of them, in order, or an error."""

import resource

import pytest

from local_hub.appending import MOST_PIECES, append, begin_flush


def test_pieces_stand_behind_each_other_and_behind_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"begun ")
    with path.open("ab", buffering=0) as file:
        assert append(file, [b"a", bytearray(b"bc"), b"", memoryview(b"xdefx")[1:4]]) == 6
        assert append(file, []) == 0
        assert append(file, [b"."] * MOST_PIECES) == MOST_PIECES
        begin_flush(file, 0, 6)
    assert path.read_bytes() == b"begun abcdef" + b"." * MOST_PIECES


def test_pieces_that_do_not_all_fit_are_an_error(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (tmp_path / "file").open("xb", buffering=0) as file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            with pytest.raises(OSError, match="too large"):
                append(file, [b"x" * 600, b"y" * 600])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
