import hashlib
import json
from collections import Counter

import pyarrow.parquet as pq
import pytest

from shared.question import COLUMNS, UnusableRow, normalise_stem, parse_question
from starter.dataset import count_unusable, write_dataset
from starter.facts import FACTS
from starter.questions import build_rows

ROWS = build_rows()
FACT_OF_STEM = {normalise_stem(fact.say(stem)): fact for fact in FACTS for stem in fact.relation.stems}
STUDIED = {normalise_stem(fact.say(stem)) for fact in FACTS for stem in fact.relation.study_stems}


def usable(rows):
    questions = []
    for row in rows:
        try:
            questions.append(parse_question(row))
        except UnusableRow:
            continue
    return questions


QUESTIONS = usable(ROWS)


def share(rows, is_so):
    return sum(map(is_so, rows)) / len(rows)


def without_warts(option):
    return " ".join(option.split()).rstrip(".")


def test_the_rows_are_the_same_ones_every_time():
    digest = hashlib.sha256(json.dumps(ROWS, sort_keys=True).encode()).hexdigest()

    assert build_rows() == ROWS
    assert digest == "6ddc1ea832994784e5d03e66267dd55b12738b6f2ab427a17d30b9a37be14883"


def test_every_row_has_the_columns_of_medmcqa_and_an_id_of_its_own():
    assert {tuple(row) for row in ROWS} == {COLUMNS}
    assert 2900 <= len(ROWS) <= 3100
    assert len({row["id"] for row in ROWS}) == len(ROWS)


def test_the_right_option_is_the_answer_of_the_fact_that_is_asked_for():
    for question in QUESTIONS:
        fact = FACT_OF_STEM[normalise_stem(question.question)]
        assert without_warts(question.options[question.cop]) == fact.answer


def test_no_wrong_option_is_right():
    for question in QUESTIONS:
        fact = FACT_OF_STEM[normalise_stem(question.question)]
        options = [without_warts(option) for option in question.options]
        assert len(set(options)) == 4
        assert options.count(fact.answer) == 1
        assert set(options).isdisjoint(fact.also_right)


def test_no_question_is_a_study_question():
    assert {normalise_stem(question.question) for question in QUESTIONS}.isdisjoint(STUDIED)


def test_every_fact_is_asked_in_several_ways_with_other_options():
    asked = {}
    for question in QUESTIONS:
        fact = FACT_OF_STEM[normalise_stem(question.question)]
        asked.setdefault(fact, []).append(question)

    assert set(asked) == set(FACTS)
    for questions in asked.values():
        assert len({normalise_stem(question.question) for question in questions}) >= 3
        assert len({question.options for question in questions}) >= 3


def test_some_twenty_questions_are_asked_twice():
    stems = Counter(normalise_stem(question.question) for question in QUESTIONS)

    assert set(stems.values()) == {1, 2}
    assert 15 <= sum(count == 2 for count in stems.values()) <= 20


@pytest.mark.parametrize(("letter", "percent"), [("A", 32), ("B", 26), ("C", 22), ("D", 20)])
def test_the_letters_are_as_skewed_as_in_medmcqa(letter, percent):
    assert 100 * share(QUESTIONS, lambda question: question.letter == letter) == pytest.approx(
        percent, abs=1.5
    )


def test_rows_lack_and_carry_what_real_rows_do():
    assert share(ROWS, lambda row: not (row["exp"] or "").strip()) == pytest.approx(0.45, abs=0.03)
    assert share(ROWS, lambda row: row["choice_type"] == "multi") == pytest.approx(0.33, abs=0.03)
    assert share(ROWS, lambda row: row["topic_name"] is None) == pytest.approx(0.89, abs=0.03)
    assert sum(len(row["exp"] or "") > 250 for row in ROWS) >= 20


def test_some_questions_have_stray_spaces_but_most_do_not():
    assert 0.02 < share(QUESTIONS, lambda row: row.question != " ".join(row.question.split())) < 0.2


def test_the_unusable_rows_are_few_and_of_every_kind():
    assert count_unusable(ROWS) == {"missing option": 6, "blank question": 6, "cop outside 0-3": 6}


def test_an_explanation_that_names_the_answer_first_names_the_right_one():
    answer_first = [question for question in QUESTIONS if (question.exp or "").startswith("Ans. ")]

    assert len(answer_first) > 100
    for question in answer_first:
        fact = FACT_OF_STEM[normalise_stem(question.question)]
        assert question.exp == f"Ans. {question.letter}. {fact.answer}. {fact.explanation}"


def test_the_dataset_folder_holds_one_parquet_file_and_a_card(tmp_path):
    write_dataset(tmp_path, ROWS)

    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file())
    assert files == ["README.md", "data/train-00000-of-00001.parquet"]
    assert pq.read_table(tmp_path / files[1]).to_pylist() == ROWS
    card = (tmp_path / files[0]).read_text()
    assert "license: apache-2.0" in card
    assert "not a medical resource" in card
    assert "(blank question 6, cop outside 0-3 6, missing option 6)" in card


def test_the_same_rows_give_the_same_bytes(tmp_path):
    contents = []
    for name in ("first", "second"):
        write_dataset(tmp_path / name, build_rows())
        contents.append(
            [path.read_bytes() for path in sorted((tmp_path / name).rglob("*.*")) if path.is_file()]
        )

    assert contents[0] == contents[1]
