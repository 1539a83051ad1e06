"""JSON laid out for reading, as much of it as is read: what is nested deep grows a thousandfold by its indents."""

import json

MAX_LINES = 3000
MAX_CHARACTERS = 2_000_000


def lay_out(value: object) -> tuple[str, bool]:
    """The value as indented JSON, and whether this is only its beginning.

    Raises:
        RecursionError: it is nested deeper than can be written.
    """
    parts: list[str] = []
    lines = characters = 0
    for part in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
        if lines > MAX_LINES or characters > MAX_CHARACTERS:
            return "".join(parts), True
        parts.append(part)
        lines += part.count("\n")
        characters += len(part)
    return "".join(parts), False
