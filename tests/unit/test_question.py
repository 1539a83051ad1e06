"""Which rows can be asked, and when two questions are the same."""

import pytest

from shared.question import (
    COLUMNS,
    ROTATIONS,
    Question,
    UnusableRow,
    normalise_stem,
    parse_question,
    rotate_options,
)

ROW = {
    "id": "45258d3d-b974-44dd-a161-c3fccbdadd88",
    "question": " Which vitamin is supplied from only animal source: ",
    "opa": "Vitamin C",
    "opb": "Vitamin B7",
    "opc": "Vitamin B12",
    "opd": "Vitamin D",
    "cop": 2,
    "choice_type": "single",
    "exp": None,
    "subject_name": "Biochemistry",
    "topic_name": "Vitamins and Minerals",
}


def test_a_row_keeps_its_text_as_published():
    question = parse_question(ROW | {"sc": "a column of another copy"})
    assert question == Question(**ROW)
    assert question.question == ROW["question"]
    assert question.options == ("Vitamin C", "Vitamin B7", "Vitamin B12", "Vitamin D")
    assert question.letter == "C"


def test_the_columns_are_those_of_the_published_dataset():
    assert set(COLUMNS) == set(ROW)


@pytest.mark.parametrize(("cop", "letter"), [(0, "A"), (1, "B"), (2, "C"), (3, "D")])
def test_cop_counts_from_zero(cop, letter):
    assert parse_question(ROW | {"cop": cop}).letter == letter


def test_rotated_options_move_on_and_the_right_letter_follows_its_option():
    question = Question(**ROW)
    turned = rotate_options(question, 1)
    assert turned.options == ("Vitamin D", "Vitamin C", "Vitamin B7", "Vitamin B12")
    assert turned.letter == "D"
    assert turned.model_dump(exclude={"opa", "opb", "opc", "opd", "cop"}) == question.model_dump(
        exclude={"opa", "opb", "opc", "opd", "cop"}
    )


@pytest.mark.parametrize("rotation", ROTATIONS)
def test_every_rotation_keeps_the_right_option_and_four_make_the_question_again(rotation):
    question = Question(**ROW)
    turned = rotate_options(question, rotation)
    assert turned.options[turned.cop] == "Vitamin B12"
    assert all(turned.options[(place + rotation) % 4] == question.options[place] for place in range(4))
    assert rotate_options(turned, 4 - rotation) == question


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": None}, "missing id"),
        ({"id": " "}, "missing id"),
        ({"question": ""}, "blank question"),
        ({"question": " \n\t\u00a0"}, "blank question"),
        ({"question": 7}, "blank question"),
        ({"opa": None}, "missing option"),
        ({"opd": "  "}, "missing option"),
        ({"cop": -1}, "cop outside 0-3"),
        ({"cop": 4}, "cop outside 0-3"),
        ({"cop": None}, "cop outside 0-3"),
        ({"cop": True}, "cop outside 0-3"),
        ({"cop": "1"}, "cop outside 0-3"),
        ({"cop": 1.0}, "cop outside 0-3"),
    ],
)
def test_a_row_that_cannot_be_asked_or_graded_says_why(change, reason):
    with pytest.raises(UnusableRow) as caught:
        parse_question(ROW | change)
    assert caught.value.reason == reason


@pytest.mark.parametrize("column", ["id", "question", "opb", "cop"])
def test_a_row_without_a_column_is_unusable(column):
    with pytest.raises(UnusableRow):
        parse_question({name: value for name, value in ROW.items() if name != column})


def test_what_only_describes_a_row_may_be_missing():
    assert parse_question({name: ROW[name] for name in COLUMNS[:7]}).subject_name is None


def test_a_question_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        parse_question(ROW).cop = 0


@pytest.mark.parametrize(
    "variant",
    [
        "which vitamin is supplied from only animal source",
        "Which  Vitamin is supplied\nfrom only ANIMAL source?",
        "Ｗｈｉｃｈ vitamin is supplied from only animal source:-",
        "“Which vitamin” is supplied from only animal source…",
    ],
)
def test_case_width_spacing_and_punctuation_do_not_make_another_question(variant):
    assert normalise_stem(variant) == normalise_stem(ROW["question"])


@pytest.mark.parametrize(
    "other", ["Which vitamin is supplied from animal source only", "Which vitamins", "विटामिन"]
)
def test_other_words_do(other):
    assert normalise_stem(other) != normalise_stem(ROW["question"])


def test_a_stem_without_a_latin_letter_keeps_its_words():
    assert normalise_stem("Vitamin β-12?") != normalise_stem("Vitamin α-12?")
    assert normalise_stem("pH 7.4") != normalise_stem("pH 7.5")
