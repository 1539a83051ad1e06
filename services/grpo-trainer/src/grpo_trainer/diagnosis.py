"""Says in a sentence what is wrong with completions, for a person who must decide what to change."""

import json
import os.path
from collections import Counter, defaultdict
from collections.abc import Sequence

from shared.prediction import parse_completion

QUOTED_CHARACTERS = 80
SAMPLE_CHARACTERS = 160
THINKING = "<think>"


def describe(completions: Sequence[str]) -> str:
    """Say how most completions begin, what is wrong with them and what to do about it."""
    total = len(completions)
    beginning, count = _commonest_beginning(completions)
    quote = f"{share_of(count, total)} completions begin with {beginning!r}"
    if beginning.startswith(THINKING):
        return (
            f"{quote}: the model was taught behind another prompt than it is asked with. "
            "Turn thinking off in both (shared.lm.chat) and redo SFT: make sft FORCE=1."
        )
    preambles = sum(map(has_preamble, completions))
    if preambles > total / 2:
        return (
            f"{quote}; {preambles} of {total} put text before the JSON. "
            "Train SFT longer, until it answers with the JSON alone."
        )
    problem, failing = Counter(parse_completion(text).problem for text in completions).most_common(1)[0]
    if problem is None:
        return f"{quote}. Raise temperature or num_generations, so that answers to one question differ."
    return f"{quote}; {failing} of {total} fail with: {problem}. Train SFT longer, until it answers in JSON."


def has_preamble(completion: str) -> bool:
    """Tell whether a completion thinks, or says something, before the JSON begins."""
    before, brace, after = completion.partition("{")
    return completion.lstrip().startswith(THINKING) or bool(
        before.strip() and _begins_with_json(brace + after)
    )


def quote_samples(completions: Sequence[str], count: int = 3) -> str:
    """Return a few different completions, each on a line of its own, shortened and with control characters escaped."""
    different = list(dict.fromkeys(completions))
    chosen = [different[index * len(different) // count] for index in range(min(count, len(different)))]
    return "\n".join(f"  {_shorten(text)!r}" for text in chosen)


def share_of(count: int, total: int) -> str:
    """Return "all 32" or "31 of 32"."""
    return f"all {total}" if count == total else f"{count} of {total}"


def _begins_with_json(text: str) -> bool:
    try:
        json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return False
    return True


def _shorten(text: str) -> str:
    return text if len(text) <= SAMPLE_CHARACTERS else f"{text[:SAMPLE_CHARACTERS]}…"


def _commonest_beginning(completions: Sequence[str]) -> tuple[str, int]:
    """Return what the largest lot of completions has in common from the first character on, and its size."""
    lots: dict[str, list[str]] = defaultdict(list)
    for text in completions:
        lots[text[: len(THINKING)]].append(text)
    largest = max(lots.values(), key=len)
    return os.path.commonprefix(largest)[:QUOTED_CHARACTERS], len(largest)  # noqa: RUF071 - characters are meant
