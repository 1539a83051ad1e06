import pytest
from hypothesis import given
from hypothesis import strategies as st
from models import make_question

from shared.errors import BadInput
from shared.lm.order import hold_out, training_order

SMALL = st.integers(1, 20)


@given(rows=SMALL, batch_size=SMALL, batches=SMALL, seed=st.integers(0, 5))
def test_every_pass_gives_each_row_at_most_once_and_leaves_out_no_batch(rows, batch_size, batches, seed):
    order = training_order(rows, batch_size, batches, seed)
    a_pass = rows - rows % batch_size or rows
    passes = [order[start : start + a_pass] for start in range(0, len(order), a_pass)]
    assert len(order) == batch_size * batches
    assert all(len(set(indices)) == len(indices) for indices in passes)
    assert set(order) <= set(range(rows))


@given(seed=st.integers(0, 5), batches=st.integers(1, 10))
def test_a_longer_training_begins_as_a_shorter_one(seed, batches):
    assert training_order(7, 3, 10, seed)[: 3 * batches] == training_order(7, 3, batches, seed)


def test_each_pass_and_each_seed_has_an_order_of_its_own():
    order = training_order(50, 10, 10, seed=0)
    assert order[:50] != order[50:]
    assert sorted(order[:50]) == sorted(order[50:]) == list(range(50))
    assert order != training_order(50, 10, 10, seed=1)


def test_the_last_rows_are_held_out():
    questions = [make_question(number) for number in range(5)]
    assert hold_out(questions, 2) == (questions[:3], questions[3:])
    assert hold_out(questions, 0) == (questions, [])


def test_a_split_that_would_be_held_out_whole_is_refused():
    with pytest.raises(BadInput, match=r"validation.rows 5 leaves nothing to train on: the split has 5 rows"):
        hold_out([make_question(number) for number in range(5)], 5)
