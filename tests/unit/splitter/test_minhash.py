"""Signatures and their bands, against the formulas and against comparing everything."""

import hashlib
import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_splitter.minhash import (
    MISSED,
    PLACES,
    Bands,
    choose_bands,
    estimate_similarity,
    find_agreeing,
    sign,
)

SIGN = """
import hashlib
from data_splitter.minhash import sign
(signature,) = sign([{"which nerve", "nerve is", "is injured", "épine"}])
print(hashlib.sha256(signature.tobytes()).hexdigest())
"""
tables = st.integers(1, 12).flatmap(
    lambda rows: st.lists(st.lists(st.integers(0, 2), min_size=6, max_size=6), min_size=rows, max_size=rows)
)


def signed(sets, places=PLACES):
    return np.array([*sign(sets, places)])


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_signatures_are_the_same_in_every_process(hash_seed):
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    printed = subprocess.run([sys.executable, "-c", SIGN], env=environment, capture_output=True, check=True)
    (here,) = sign([{"is injured", "épine", "nerve is", "which nerve"}])
    assert printed.stdout.decode().strip() == hashlib.sha256(here.tobytes()).hexdigest()


def test_the_estimate_is_near_the_similarity():
    sets = [{f"n{number}" for number in range(start, start + 60)} for start in (0, 20, 40, 60)]
    signatures = signed(sets, places=4096)
    estimates = estimate_similarity(signatures, np.array([0, 0, 0, 0]), np.array([0, 1, 2, 3]))
    # Four standard deviations of a share of 4,096.
    assert estimates == pytest.approx([1, 40 / 80, 20 / 100, 0], abs=4 * (0.25 / 4096) ** 0.5)


@given(similarity=st.floats(0.5, 1), places=st.sampled_from([64, 128, 256]))
def test_the_bands_are_the_widest_that_miss_few_enough(similarity, places):
    def missed(width):
        return (1 - similarity**width) ** (places // width)

    bands = choose_bands(similarity, places)
    assert bands.count * bands.width <= places
    assert missed(bands.width) <= MISSED
    assert all(missed(width) > MISSED for width in range(bands.width + 1, places + 1))


@given(table=tables, first_new=st.integers(0, 11))
def test_exactly_the_pairs_that_agree_in_a_band_and_have_a_new_row_are_found(table, first_new):
    signatures, bands = np.array(table, np.uint32), Bands(3, 2)
    first_new = min(first_new, len(table))
    found = [
        pair for parts in find_agreeing(signatures, bands, first_new) for pair in zip(*parts, strict=True)
    ]
    expected = [
        pair
        for at in (0, 2, 4)
        for pair in itertools.combinations(range(len(table)), 2)
        if table[pair[0]][at : at + 2] == table[pair[1]][at : at + 2] and pair[1] >= first_new
    ]
    assert sorted(found) == sorted(expected)
