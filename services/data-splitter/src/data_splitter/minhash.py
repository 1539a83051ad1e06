"""Which sets of n-grams may be alike: MinHash signatures, compared only where a band of them agrees.

Two sets agree at a place of their signatures with the probability of their Jaccard similarity s (Broder, 1997, "On the
resemblance and containment of documents"). Cut into b bands of r places, the signatures agree in at least one band with
probability 1 − (1 − sʳ)ᵇ (Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", chapter 3).

datasketch makes the signatures. Its index of bands is a Python set for each band of each row, which would be 2.3 GB at
MedMCQA's size; sorting the bands finds the same pairs in little more than the 94 MB of the signatures.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PLACES = 128
SEED = 1
MISSED = 0.005
"""The greatest probability with which a pair just at the wanted similarity may agree in no band."""
BLOCK = 2**14

Signatures = NDArray[np.uint32]
"""One row a set, one column a place."""
Numbers = NDArray[np.intp]


@dataclass(frozen=True)
class Bands:
    """How signatures are cut: into `count` bands of `width` places."""

    count: int
    width: int


def choose_bands(similarity: float, places: int = PLACES, missed: float = MISSED) -> Bands:
    """Return the widest bands, which leave the fewest pairs to compare, that miss few enough of this similarity."""
    widths = range(places, 1, -1)
    width = next((w for w in widths if (1 - similarity**w) ** (places // w) <= missed), 1)
    return Bands(places // width, width)


def sign(sets: Iterable[Collection[str]], places: int = PLACES) -> Iterator[Signatures]:
    """Yield the signature of each set, the same in every process: SHA-1 under permutations from a fixed seed."""
    # It loads much of scipy: only for who compares.
    from datasketch import MinHash

    encoded = ([ngram.encode() for ngram in ngrams] for ngrams in sets)
    for minhash in MinHash.generator(encoded, num_perm=places, seed=SEED):
        yield minhash.hashvalues


def find_agreeing(signatures: Signatures, bands: Bands, first_new: int) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield the pairs (earlier, later) that agree in a band, some at a time, the later one from `first_new` on.

    A pair that agrees in several bands comes several times.
    """
    for band in range(bands.count):
        keys = _hash_band(signatures[:, band * bands.width : (band + 1) * bands.width])
        # Only what agrees with a new row matters: one of the two always is one.
        numbers = np.flatnonzero(np.isin(keys, keys[first_new:]))
        order = numbers[np.argsort(keys[numbers], kind="stable")]
        for earlier, later in _equal_neighbours(keys[order]):
            is_new = order[later] >= first_new
            yield order[earlier[is_new]], order[later[is_new]]


def estimate_similarity(signatures: Signatures, first: Numbers, second: Numbers) -> NDArray[np.float64]:
    """Return the share of places at which the signatures of each pair agree; its variance is s(1 − s) / places."""
    blocks = range(
        0, len(first), BLOCK
    )  # The signatures of all pairs at once would be the most memory needed.
    parts = [
        _share_equal(signatures[first[at : at + BLOCK]], signatures[second[at : at + BLOCK]]) for at in blocks
    ]
    return np.concatenate([np.empty(0), *parts])


def _share_equal(first: Signatures, second: Signatures) -> NDArray[np.float64]:
    share: NDArray[np.float64] = (first == second).mean(axis=1)
    return share


def _hash_band(band: Signatures) -> NDArray[np.uint64]:
    # Two bands that differ get the same key once in 2⁶⁴ pairs or so, and then are compared for nothing.
    weights = np.random.default_rng(SEED).integers(2**64, size=band.shape[1], dtype=np.uint64) | np.uint64(1)
    keys: NDArray[np.uint64] = (band.astype(np.uint64) * weights).sum(axis=1, dtype=np.uint64)
    return keys


def _equal_neighbours(keys: NDArray[np.uint64]) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield the places (lower, higher) of equal keys of a sorted array: first those one apart, then two, and so on."""
    lower = np.arange(len(keys))
    for distance in range(1, len(keys)):
        lower = lower[lower + distance < len(keys)]
        lower = lower[keys[lower] == keys[lower + distance]]
        if not len(lower):
            return
        yield lower, lower + distance
