"""Holm's correction against statsmodels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from shared.statistics.multiplicity import holm


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_the_adjusted_p_values_are_those_of_statsmodels(p_values):
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist(), abs=1e-12)


def test_three_tests_of_nothing_are_wrong_in_one_family_of_twenty():
    families = np.random.default_rng(2).random((4000, 3))
    assert np.mean([min(holm(list(family))) < 0.05 for family in families]) == pytest.approx(0.05, abs=0.012)


def test_no_tests_and_what_is_no_probability():
    assert holm([]) == []
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.1, float("nan")])
