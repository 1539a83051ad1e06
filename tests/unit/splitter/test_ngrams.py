"""What makes two questions alike."""

import pytest

from data_splitter.ngrams import jaccard, question_ngrams

ROW = {
    "question": "Which nerve, is INJURED?",
    "opa": "Ulnar",
    "opb": "Deep radial nerve",
    "opc": "-",
    "opd": None,
}


def test_the_word_pairs_of_each_text_are_taken_and_none_across_two_texts():
    assert question_ngrams(ROW) == {
        "which nerve", "nerve is", "is injured", "ulnar", "deep radial", "radial nerve"
    }  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"question": "which nerve is injured"},
        {"question": "Which nerve  is\ninjured:-"},
        {"opa": "Deep radial nerve.", "opb": "ULNAR"},
        {"opc": None, "opd": "  "},
    ],
)
def test_case_punctuation_and_the_order_of_options_make_no_difference(change):
    assert question_ngrams(ROW | change) == question_ngrams(ROW)


def test_a_row_without_words_has_no_ngrams_and_resembles_nothing():
    empty = question_ngrams(dict.fromkeys(ROW, "+"))
    assert empty == set()
    assert jaccard(empty, empty) == jaccard(empty, question_ngrams(ROW)) == 0


def test_the_similarity_is_what_is_shared_of_all():
    assert jaccard({"a", "b", "c"}, {"b", "c", "d"}) == 0.5
    assert jaccard({"a"}, {"a"}) == 1
    assert jaccard({"a"}, {"b"}) == 0


def test_the_same_common_stem_about_different_things_is_not_alike():
    stem = {"question": "All of the following are true except"}
    first = ROW | stem | {"opc": "Biceps", "opd": "Brachialis"}
    other = stem | {"opa": "Vitamin C", "opb": "Iron", "opc": "Zinc", "opd": "None of the above"}
    assert jaccard(question_ngrams(first), question_ngrams(other)) < 0.5


def test_a_slip_in_a_word_leaves_the_question_alike():
    stem = "Which of the following drug has gametocidal action against all species of Plasmodium?"
    options = {"opa": "Primaquine", "opb": "Chloroquine", "opc": "Quinine", "opd": "None of these"}
    row, slip = (options | {"question": text} for text in (stem, stem.replace("gameto", "game")))
    assert jaccard(question_ngrams(row), question_ngrams(slip)) >= 0.5
