"""A job's raw output, cut into lines."""

import codecs
import re
from collections.abc import Iterable

# A progress bar redraws itself after a bare \r: each drawing becomes a line, and nothing is lost.
LINE_END = re.compile(r"\r\n|\n|\r")
MAX_LINE_CHARACTERS = 16_384


class LineSplitter:
    """Takes bytes as they come and gives whole lines; invalid UTF-8 becomes U+FFFD, long lines are cut."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes."""
        text = self._rest + self._decoder.decode(data)
        # A \r at the very end may be the first half of \r\n.
        held = "\r" if text.endswith("\r") else ""
        *lines, rest = LINE_END.split(text.removesuffix(held))
        *pieces, rest = _cut(rest)
        self._rest = rest + held
        return [*_cut_all(lines), *pieces]

    def finish(self) -> list[str]:
        """What is left when the output ends without a line end."""
        text = self._rest + self._decoder.decode(b"", final=True)
        self._rest = ""
        lines = LINE_END.split(text)
        return _cut_all(lines if lines[-1] else lines[:-1])


class Redactor:
    """Replaces the values of secrets in text."""

    # A shorter value would be found inside ordinary words.
    MIN_CHARACTERS = 8

    def __init__(self, secrets: Iterable[str]) -> None:
        values = sorted(
            (value for value in secrets if len(value) >= self.MIN_CHARACTERS), key=len, reverse=True
        )
        self._pattern = re.compile("|".join(map(re.escape, values))) if values else None

    def clean(self, line: str) -> str:
        """The line without secrets."""
        return self._pattern.sub("***", line) if self._pattern else line


def _cut_all(lines: Iterable[str]) -> list[str]:
    return [piece for line in lines for piece in _cut(line)]


def _cut(line: str) -> list[str]:
    if len(line) <= MAX_LINE_CHARACTERS:
        return [line]
    return [line[at : at + MAX_LINE_CHARACTERS] for at in range(0, len(line), MAX_LINE_CHARACTERS)]
