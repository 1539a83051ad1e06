"""How alike two questions are: the Jaccard similarity of the word n-grams of their stems and options.

Bigrams, since exam questions are short: half of MedMCQA's stems have no more than eleven words, and one changed word
takes three trigrams away. A stem alone would not do: "Which of the following is not true" asks about anything.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from shared.question import OPTION_COLUMNS, normalise_stem

WORDS = 2


def question_ngrams(row: Mapping[str, Any]) -> frozenset[str]:
    """Return the word n-grams of a row's stem and of each option, without case, punctuation and repetition.

    No n-gram reaches from one text into the next, so that the order of the options does not count. A text of fewer
    words is one n-gram, and an empty one none.
    """
    texts = (row.get(column) or "" for column in ("question", *OPTION_COLUMNS))
    return frozenset(ngram for text in texts for ngram in _text_ngrams(text))


def jaccard(first: AbstractSet[str], second: AbstractSet[str]) -> float:
    """Return what two sets share of what they have together, from 0 to 1; 0 where both are empty."""
    shared = len(first & second)
    return shared / (len(first) + len(second) - shared) if shared else 0.0


def _text_ngrams(text: str) -> Iterator[str]:
    words = normalise_stem(text).split()
    for start in range(max(len(words) - WORDS + 1, min(len(words), 1))):
        yield " ".join(words[start : start + WORDS])
