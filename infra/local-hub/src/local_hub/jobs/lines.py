"""A job's raw output, cut into lines without secrets."""

import codecs
import re
from collections.abc import Iterable

# A progress bar redraws itself after a bare \r: each drawing becomes a line, and nothing is lost.
LINE_END = re.compile(r"\r\n|\n|\r")
MAX_LINE_CHARACTERS = 16_384


class Redactor:
    """Replaces the values of secrets in text, and where one has several lines, each of them."""

    # A shorter value would be found inside ordinary words.
    MIN_CHARACTERS = 8

    def __init__(self, secrets: Iterable[str]) -> None:
        parts = {part for secret in secrets for part in (secret, *LINE_END.split(secret))}
        values = sorted((part for part in parts if len(part) >= self.MIN_CHARACTERS), key=len, reverse=True)
        self.longest = len(values[0]) if values else 0
        self._pattern = re.compile("|".join(map(re.escape, values))) if values else None

    def clean(self, text: str) -> str:
        """The text without secrets."""
        return self._pattern.sub("***", text) if self._pattern else text

    def cut(self, text: str, at: int) -> int:
        """Where to cut the text without parting a secret: there, before the secret, or after one that begins it."""
        for match in self._pattern.finditer(text) if self._pattern else ():
            if match.start() < at < match.end():
                return match.start() or match.end()
        return at


class LineSplitter:
    """Takes bytes as they come and gives whole lines; invalid UTF-8 becomes U+FFFD, long lines are cut."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes."""
        text = self._rest + self._decoder.decode(data)
        # A \r at the very end may be the first half of \r\n.
        held = "\r" if text.endswith("\r") else ""
        *lines, rest = LINE_END.split(text.removesuffix(held))
        # What has come of a secret at the end may not be all of it.
        pieces, rest = self._cut_off(rest, self._redactor.longest)
        self._rest = rest + held
        return [*self._clean_all(lines), *pieces]

    def finish(self) -> list[str]:
        """What is left when the output ends without a line end."""
        text = self._rest + self._decoder.decode(b"", final=True)
        self._rest = ""
        lines = LINE_END.split(text)
        return self._clean_all(lines if lines[-1] else lines[:-1])

    def _clean_all(self, lines: Iterable[str]) -> list[str]:
        cleaned = []
        for line in lines:
            pieces, rest = self._cut_off(line, 0)
            cleaned += [*pieces, self._redactor.clean(rest)]
        return cleaned

    def _cut_off(self, line: str, keep: int) -> tuple[list[str], str]:
        """Pieces of a long line, cleaned, and the rest as it is, which has at least so many characters."""
        pieces = []
        while len(line) > MAX_LINE_CHARACTERS + keep:
            at = self._redactor.cut(line, MAX_LINE_CHARACTERS)
            pieces.append(self._redactor.clean(line[:at]))
            line = line[at:]
        return pieces, line
