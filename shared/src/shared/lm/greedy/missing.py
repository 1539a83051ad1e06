"""What an unfinished answer, written as the grammar says, still needs at least to be a prediction."""

HEAD = '{"predicted_category": "'
BEFORE_CONFIDENCE = '", "confidence": '
BEFORE_REASON = ', "reason": "'
TAIL = '"}'
# The shortest of each.
LETTER, CONFIDENCE, REASON, DIGIT = "A", "0", "x", "0"
# Closes a single escape character, and is allowed after it.
ESCAPED = '"'


def lacks_letter(written: bytes) -> bool:
    """Return whether the letter comes next."""
    return written == HEAD.encode()


def find_missing(written: bytes) -> list[str]:
    """Return the pieces of the shortest end of what is written of an answer.

    The letter is a piece of its own, and so are all others that can be chosen; a character that has only begun counts
    as one piece for each byte that it lacks.
    """
    if len(written) < len(HEAD) + 1:
        return [*_rest(HEAD, written), LETTER, BEFORE_CONFIDENCE, CONFIDENCE, BEFORE_REASON, REASON, TAIL]
    written = written[len(HEAD) + 1 :]
    if len(written) <= len(BEFORE_CONFIDENCE):
        return [*_rest(BEFORE_CONFIDENCE, written), CONFIDENCE, BEFORE_REASON, REASON, TAIL]
    confidence, comma, reason = written[len(BEFORE_CONFIDENCE) :].partition(b",")
    if len(reason) < len(BEFORE_REASON) - 1:
        digit = [DIGIT] if confidence.endswith(b".") else []
        return [*digit, *_rest(BEFORE_REASON, comma + reason), REASON, TAIL]
    return _missing_of_reason(reason[len(BEFORE_REASON) - 1 :])


def _missing_of_reason(written: bytes) -> list[str]:
    if not written:
        return [REASON, TAIL]
    escaped = False
    for place, byte in enumerate(written):
        if byte == ord('"') and not escaped:
            return _rest(TAIL, written[place:])
        escaped = byte == ord("\\") and not escaped
    return [*[REASON] * _missing_bytes(written), *[ESCAPED] * escaped, TAIL]


def _missing_bytes(text: bytes) -> int:
    """Return how many bytes the last character of UTF-8 text lacks."""
    tail = text[-3:]
    for back in range(1, len(tail) + 1):
        lead = tail[-back]
        if lead >= 0xC0:
            return max(0, (2 if lead < 0xE0 else 3 if lead < 0xF0 else 4) - back)
        if lead < 0x80:
            return 0
    return 0


def _rest(piece: str, written: bytes) -> list[str]:
    rest = piece[len(written) :]
    return [rest] if rest else []
