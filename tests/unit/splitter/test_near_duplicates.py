"""Rows that resemble one of another split, against comparing every row to every other."""

from collections import Counter, defaultdict
from itertools import combinations, islice

from hypothesis import given, settings
from hypothesis import strategies as st

from data_splitter.draw import draw_splits
from data_splitter.near_duplicates import (
    Lookalikes,
    NearDuplicate,
    find_near_duplicates,
    measure_near_duplicates,
)
from data_splitter.ngrams import jaccard, question_ngrams
from shared.errors import BadInput
from shared.question import OPTION_COLUMNS

SPLITS = ("sft", "grpo", "eval", "calibration")
SIMILARITIES = st.sampled_from([0.5, 0.6, 0.75, 0.9, 1.0])
WORDS = st.sampled_from(["acute", "chronic", "renal", "failure", "with", "fever"])
STEMS = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)
QUESTIONS = st.fixed_dictionaries({"question": STEMS} | dict.fromkeys(OPTION_COLUMNS, WORDS))


@st.composite
def split_rows(draw):
    """Rows of a few words for each split, so that many resemble each other."""
    drawn = draw(st.lists(st.tuples(st.sampled_from(SPLITS), QUESTIONS), max_size=14))
    splits = {split: [] for split in SPLITS}
    for number, (split, question) in enumerate(drawn):
        splits[split].append(question | {"id": f"q{number}"})
    return splits


def careful(similarity):
    """One that misses a pair once in billions."""
    return Lookalikes(similarity, places=512, missed=1e-9)


def compare_all(splits, similarity):
    rows = [(split, row) for split, rows in splits.items() for row in rows]
    for (other_split, other), (split, row) in combinations(rows, 2):
        alike = jaccard(question_ngrams(other), question_ngrams(row))
        if split != other_split and alike >= similarity:
            yield NearDuplicate(row["id"], split, other["id"], other_split, round(alike, 4))


def unordered(pairs):
    return {(frozenset((pair.row_id, pair.other_id)), pair.similarity) for pair in pairs}


@settings(max_examples=30)
@given(splits=split_rows(), similarity=SIMILARITIES)
def test_the_pairs_are_those_of_comparing_every_row_to_every_other(splits, similarity):
    found = find_near_duplicates(splits, careful(similarity))
    assert Counter(found) == Counter(compare_all(splits, similarity))


@settings(max_examples=30)
@given(splits=split_rows(), similarity=SIMILARITIES)
def test_nothing_below_the_similarity_is_listed_however_little_care_is_taken(splits, similarity):
    found = find_near_duplicates(splits, Lookalikes(similarity, places=8, missed=0.5))
    assert not Counter(found) - Counter(compare_all(splits, similarity))


@settings(max_examples=30)
@given(splits=split_rows(), seed=st.randoms(use_true_random=False))
def test_the_order_of_the_rows_makes_no_difference_to_what_is_found(splits, seed):
    shuffled = {split: seed.sample(rows, len(rows)) for split, rows in splits.items()}
    found = find_near_duplicates(splits, Lookalikes(0.5))
    assert unordered(find_near_duplicates(shuffled, Lookalikes(0.5))) == unordered(found)


@settings(max_examples=30)
@given(splits=split_rows(), size=st.integers(1, 5))
def test_rows_that_come_in_pieces_resemble_the_same_ones(splits, size):
    rows = iter(row for split in splits.values() for row in split)
    whole = Lookalikes(0.5).add([row for split in splits.values() for row in split])
    lookalikes = Lookalikes(0.5)
    pieces = [found for piece in iter(lambda: [*islice(rows, size)], []) for found in lookalikes.add(piece)]
    assert pieces == whole


@settings(max_examples=30)
@given(rows=st.lists(QUESTIONS, min_size=16, max_size=30), counts=st.tuples(*[st.integers(1, 3)] * 4))
def test_replacing_leaves_no_pair_and_moves_no_row_without_need(rows, counts):
    rows = [row | {"id": f"q{number}", "cop": 0} for number, row in enumerate(rows)]
    counts = dict(zip(SPLITS, counts, strict=True))
    try:
        draw = draw_splits(rows, counts, Lookalikes(0.5))
    except BadInput:
        return
    drawn = [row for split in draw.rows.values() for row in split]
    assert find_near_duplicates(draw.rows, Lookalikes(0.5)) == []
    assert {split: len(rows) for split, rows in draw.rows.items()} == counts
    assert sum(row is not rows[place] for place, row in enumerate(drawn)) == sum(draw.replaced.values())
    assert draw.rows["sft"] == rows[: counts["sft"]]


TEXT_COLUMNS = ("question", *OPTION_COLUMNS)


def make_unlike_rows(make_row, count):
    """Rows of five n-grams each, none of them in two rows."""
    return [make_row(n, **{text: f"{text} is{n}" for text in TEXT_COLUMNS}) for n in range(count)]


def take(row, columns, other):
    row |= {column: other[column] for column in columns}


def test_the_row_of_the_later_split_gives_way_to_one_that_resembles_no_other_splits(make_row):
    rows = make_unlike_rows(make_row, 12)
    for copy, original in ((3, 0), (7, 4), (8, 2), (9, 5)):
        take(rows[copy], OPTION_COLUMNS, rows[original])
    draw = draw_splits(rows, {"sft": 2, "grpo": 2, "eval": 2, "calibration": 2}, Lookalikes(0.5))
    # 3 of grpo resembles 0 of sft, 7 of calibration 4 of eval. Beyond the ranges 8 resembles 2, which is in grpo
    # itself, and 9 resembles 5, which is in eval.
    assert {split: [row["id"] for row in rows] for split, rows in draw.rows.items()} == {
        "sft": ["q0", "q1"], "grpo": ["q2", "q8"], "eval": ["q4", "q5"], "calibration": ["q6", "q10"]
    }  # fmt: skip
    assert draw.replaced == {"near-duplicate in two splits": 2}
    assert draw.passed_over == {"near-duplicate in two splits": 1}


def test_replacements_resemble_each_other_no_more_than_other_rows(make_row):
    rows = make_unlike_rows(make_row, 8)
    rows[1]["cop"] = rows[2]["cop"] = None
    take(rows[4], OPTION_COLUMNS, rows[3])
    draw = draw_splits(rows, {"sft": 1, "grpo": 1, "eval": 1}, Lookalikes(0.5))
    # 3 goes to grpo; 4 resembles it, and so may not go to eval.
    assert [row["id"] for split in draw.rows.values() for row in split] == ["q0", "q3", "q5"]
    assert draw.passed_over == {"near-duplicate in two splits": 1}


def test_a_row_that_gave_way_stands_in_nobodys_way(make_row):
    rows = make_unlike_rows(make_row, 8)
    take(rows[1], OPTION_COLUMNS, rows[0])
    take(rows[3], ("question", "opa", "opb", "opc"), rows[1])
    draw = draw_splits(rows, {"sft": 1, "grpo": 2, "eval": 2}, Lookalikes(0.5))
    # 1 gives way to 0. 3 resembles 1 and has its very stem, but is not like 0.
    assert draw.replaced == {"near-duplicate in two splits": 1}
    assert [row["id"] for row in draw.rows["eval"]] == ["q3", "q4"]


def test_of_real_questions_exactly_those_that_are_alike_are_found(real_rows):
    ngrams = [question_ngrams(row) for row in real_rows]
    holders = defaultdict(list)
    for number, row_ngrams in enumerate(ngrams):
        for ngram in row_ngrams:
            holders[ngram].append(number)
    shared = Counter(pair for numbers in holders.values() for pair in combinations(numbers, 2))
    alike = {
        (first, second)
        for (first, second), count in shared.items()
        if count / len(ngrams[first] | ngrams[second]) >= 0.5
    }
    found = Lookalikes(0.5).add(real_rows)
    assert {(earlier, later) for later, resembled in enumerate(found) for earlier in resembled} == alike
    assert len(alike) == 27


def test_a_thousand_copies_of_one_question_are_no_trouble(make_row):
    splits = {"sft": [make_row(0)] * 1000, "eval": [make_row(1)] + [make_row(0)] * 9}
    pairs = find_near_duplicates(splits, Lookalikes(0.9))
    assert len(pairs) == 9 * 1000
    found = measure_near_duplicates(pairs, splits, similarity=0.9)
    assert found == {"pairs": 9000, "rows": {"sft": 0, "eval": 1}, "similarity": 0.9, "ngram": 2}


def test_reading_is_reported_up_to_the_last_row(make_row):
    read = []
    lookalikes = Lookalikes(1, report=read.append)
    lookalikes.add([make_row(n) for n in range(1500)], within=False)
    lookalikes.add([make_row(1500)])
    assert read == [1, 1001, 1500, 1501]
