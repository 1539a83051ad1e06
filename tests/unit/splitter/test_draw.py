"""Which rows become which split."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_splitter.draw import draw_splits
from shared.errors import BadInput

COUNTS = {"sft": 4, "grpo": 3, "eval": 2}
KINDS = {
    "missing option": {"opc": "  "},
    "blank question": {"question": None},
    "cop outside 0-3": {"cop": -1},
    "missing id": {"id": ""},
    "question in two splits": {"question": "WHICH nerve, is number: 0"},
    "id given twice": {"id": "q0"},
}
sources = st.lists(st.sampled_from([None, *KINDS]), min_size=40, max_size=40)


def ids(draw):
    return {split: [row["id"] for row in rows] for split, rows in draw.rows.items()}


def test_usable_rows_are_split_in_consecutive_ranges(make_row):
    draw = draw_splits((make_row(number) for number in range(20)), COUNTS)
    assert ids(draw) == {"sft": ["q0", "q1", "q2", "q3"], "grpo": ["q4", "q5", "q6"], "eval": ["q7", "q8"]}
    assert (draw.replaced, draw.passed_over) == ({}, {})


@pytest.mark.parametrize("reason", KINDS)
def test_a_row_that_cannot_be_used_gives_its_place_to_one_from_beyond(make_row, reason):
    rows = [make_row(number) for number in range(20)]
    rows[5] |= KINDS[reason]
    draw = draw_splits(rows, COUNTS)
    assert ids(draw) == {"sft": ["q0", "q1", "q2", "q3"], "grpo": ["q4", "q9", "q6"], "eval": ["q7", "q8"]}
    assert (draw.replaced, draw.passed_over) == ({reason: 1}, {})


def test_a_replacement_that_is_unusable_itself_is_passed_over_and_counted(make_row):
    rows = [make_row(number) for number in range(20)]
    rows[0]["cop"] = 4
    rows[9]["opa"] = ""
    rows[10]["question"] = rows[8]["question"].upper()
    draw = draw_splits(rows, COUNTS)
    assert ids(draw)["sft"] == ["q11", "q1", "q2", "q3"]
    assert draw.replaced == {"cop outside 0-3": 1}
    assert draw.passed_over == {"missing option": 1, "question in two splits": 1}


def test_a_replacement_never_displaces_a_row_that_has_its_place(make_row):
    rows = [make_row(number) for number in range(20)]
    rows[0]["cop"] = 4
    rows[9]["question"] = rows[7]["question"]
    assert ids(draw_splits(rows, COUNTS))["eval"] == ["q7", "q8"]


def test_the_same_words_twice_within_a_split_stay_as_the_reference_has_them(make_row):
    rows = [make_row(number) for number in range(20)]
    rows[3]["question"] = rows[1]["question"] = "True statement is"
    assert ids(draw_splits(rows, COUNTS))["sft"] == ["q0", "q1", "q2", "q3"]


def test_too_few_usable_rows_are_refused_with_the_counts(make_row):
    rows = [make_row(number) for number in range(10)]
    rows[2]["opd"] = rows[4]["opd"] = None
    with pytest.raises(BadInput) as refusal:
        draw_splits(rows, COUNTS)
    assert str(refusal.value) == (
        "The source has only 8 usable rows, but 9 are wanted (sft 4, grpo 3, eval 2). Not usable: missing option 2. "
        "Lower sft_rows, grpo_rows or eval_rows, or use a larger dataset."
    )


def test_a_source_smaller_than_the_ranges_is_refused(make_row):
    with pytest.raises(BadInput, match=r"only 5 usable rows, but 9 are wanted .* Not usable: none"):
        draw_splits((make_row(number) for number in range(5)), COUNTS)


@given(kinds=sources)
def test_the_splits_are_full_disjoint_usable_and_otherwise_in_place(make_row, kinds):
    rows = [make_row(number) | KINDS.get(kind, {}) for number, kind in enumerate(kinds)]
    try:
        draw = draw_splits(rows, COUNTS)
    except BadInput:
        assert kinds.count(None) < 9
        return
    drawn = [row for split in draw.rows.values() for row in split]
    assert {split: len(split_rows) for split, split_rows in draw.rows.items()} == COUNTS
    assert len({row["id"] for row in drawn}) == 9
    assert all(row["cop"] >= 0 and row["id"] and row["question"] and row["opc"].strip() for row in drawn)
    beyond = [row for place, row in enumerate(drawn) if row is not rows[place]]
    assert all(any(row is later for later in rows[9:]) for row in beyond)
    assert len(beyond) == sum(draw.replaced.values())
    assert not Counter(draw.replaced) - Counter(kind for kind in kinds[:9] if kind)
    assert draw_splits(iter(rows), COUNTS) == draw


@given(kinds=sources)
def test_no_question_is_in_two_splits(make_row, kinds):
    rows = [make_row(number) | KINDS.get(kind, {}) for number, kind in enumerate(kinds)]
    try:
        draw = draw_splits(rows, COUNTS)
    except BadInput:
        return
    stems = [{row["question"].strip("?").casefold().replace(",", "").replace(":", "") for row in split}
             for split in draw.rows.values()]  # fmt: skip
    assert len(set.union(*stems)) == sum(map(len, stems))
