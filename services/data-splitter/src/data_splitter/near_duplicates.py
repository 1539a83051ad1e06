"""Questions that resemble one of another split: those that a model could answer from having trained on the other."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from data_splitter.minhash import (
    MISSED,
    PLACES,
    Signatures,
    choose_bands,
    estimate_similarity,
    find_agreeing,
    sign,
)
from data_splitter.ngrams import WORDS, jaccard, question_ngrams

Row = Mapping[str, Any]
Resembled = dict[int, float]
"""Earlier rows by number, and how similar they are."""

DEVIATIONS = 5
"""A pair is compared word for word if its estimate lies at most so many standard deviations below what is wanted."""
REPORT_ROWS = 1000


@dataclass(frozen=True)
class NearDuplicate:
    """A row and one of an earlier split that it resembles; `similarity` is exact, in [0, 1]."""

    row_id: str
    split: str
    other_id: str
    other_split: str
    similarity: float


class Lookalikes:
    """Rows numbered from 0 as they come, each compared to those before it.

    Args:
        similarity: the least Jaccard similarity of two rows' n-grams that makes them resemble each other.
        report: called now and then with how many rows have been read.
        places: length of the signatures.
        missed: the greatest probability with which a pair of just this similarity may be overlooked.
    """

    def __init__(
        self,
        similarity: float,
        report: Callable[[int], None] = lambda read: None,
        places: int = PLACES,
        missed: float = MISSED,
    ) -> None:
        self.similarity = similarity
        self._report = report
        self._bands = choose_bands(similarity, places, missed)
        self._least_estimate = similarity - DEVIATIONS * sqrt(similarity * (1 - similarity) / places)
        self._rows: list[Row] = []
        self._signatures: Signatures = np.empty((0, places), np.uint32)

    def add(self, rows: Sequence[Row], within: bool = True) -> list[Resembled]:
        """Read rows and return, for each, the earlier rows that it resembles.

        Args:
            rows: the next rows.
            within: whether they are compared to one another as well.
        """
        first_new = len(self._rows)
        self._rows += rows
        self._signatures = np.concatenate([self._signatures, self._sign(rows, first_new)])
        found: list[Resembled] = [{} for _ in rows]
        for earlier, later in self._candidates(first_new, within):
            similarity = jaccard(question_ngrams(self._rows[earlier]), question_ngrams(self._rows[later]))
            if similarity >= self.similarity:
                found[later - first_new][earlier] = similarity
        return found

    def _sign(self, rows: Sequence[Row], read: int) -> Signatures:
        signatures = np.empty((len(rows), self._signatures.shape[1]), np.uint32)
        signed = sign(map(question_ngrams, rows), places=signatures.shape[1])
        for place, signature in enumerate(signed):
            signatures[place] = signature
            if place % REPORT_ROWS == 0 or place + 1 == len(rows):
                self._report(read + place + 1)
        return signatures

    def _candidates(self, first_new: int, within: bool) -> Iterator[tuple[int, int]]:
        """Yield the pairs (earlier, later) whose signatures promise enough, each once and in order."""
        count = len(self._rows)
        promising = [np.empty(0, np.intp)]
        for earlier, later in find_agreeing(self._signatures, self._bands, first_new):
            if not within:
                earlier, later = earlier[earlier < first_new], later[earlier < first_new]
            estimates = estimate_similarity(self._signatures, earlier, later)
            promising.append((earlier * count + later)[estimates >= self._least_estimate])
        for code in np.unique(np.concatenate(promising)).tolist():
            yield divmod(code, count)


def find_near_duplicates(splits: Mapping[str, Sequence[Row]], lookalikes: Lookalikes) -> list[NearDuplicate]:
    """Return every pair of rows of two splits that resemble each other, in the order of the later row.

    Args:
        splits: the rows of each split, in the order in which they are trained and measured on.
        lookalikes: one that has read no rows yet.
    """
    pairs: list[NearDuplicate] = []
    places: list[tuple[str, str]] = []
    for split, rows in splits.items():
        for row, resembled in zip(rows, lookalikes.add(rows, within=False), strict=True):
            for number, similarity in resembled.items():
                pairs.append(NearDuplicate(row["id"], split, *places[number], round(similarity, 4)))
        places += [(row["id"], split) for row in rows]
    return pairs


def measure_near_duplicates(
    pairs: Iterable[NearDuplicate], splits: Iterable[str], similarity: float
) -> dict[str, Any]:
    """Return what the manifest records: the pairs, and of each split the rows that resemble one of an earlier split."""
    pairs = list(pairs)
    rows = Counter(split for split, _ in {(pair.split, pair.row_id) for pair in pairs})
    return {
        "pairs": len(pairs),
        "rows": {split: rows[split] for split in splits},
        "similarity": similarity,
        "ngram": WORDS,
    }
