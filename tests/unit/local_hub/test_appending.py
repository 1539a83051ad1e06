"""Appending pieces to a file: all of them, in order, or an error."""

import resource

import pytest

from local_hub import appending
from local_hub.appending import MOST_PIECES, Appender


def test_pieces_stand_behind_each_other_and_behind_what_was_there(tmp_path, monkeypatch):
    monkeypatch.setattr(appending, "BEGIN_BYTES", 100)  # of which some is on its way to the disk in between
    path = tmp_path / "file"
    path.write_bytes(b"begun ")
    with path.open("ab", buffering=0) as file:
        appender = Appender(file, 6)
        assert appender.append([b"a", bytearray(b"bc"), b"", memoryview(b"xdefx")[1:4]]) == 6
        assert appender.append([]) == 0
        assert appender.append([b"."] * MOST_PIECES) == MOST_PIECES
        assert appender.append([b"!"]) == 1
    assert path.read_bytes() == b"begun abcdef" + b"." * MOST_PIECES + b"!"


def test_pieces_that_do_not_all_fit_are_an_error(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with (tmp_path / "file").open("xb", buffering=0) as file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
        try:
            with pytest.raises(OSError, match="too large"):
                Appender(file).append([b"x" * 600, b"y" * 600])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
