"""Where nothing that a model could still say changes how its answer is graded.

The grader takes the whole text as one JSON value. Once an object has closed, only whitespace may follow; after
anything else the text is no JSON, whatever comes.
"""

import json

# RFC 8259; what Python calls whitespace beyond it is text to a parser.
WHITESPACE = " \t\n\r"
DECODER = json.JSONDecoder()


def is_settled(text: str) -> bool:
    """Return whether a text is a JSON object and something after it that is not whitespace."""
    end = find_object_end(text)
    return end is not None and text[end:].strip(WHITESPACE) != ""


def find_object_end(text: str) -> int | None:
    """Return where the JSON object ends that a text begins with, or None where there is none, or none yet."""
    start = len(text) - len(text.lstrip(WHITESPACE))
    if text[start : start + 1] != "{":
        return None
    try:
        return DECODER.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return None
