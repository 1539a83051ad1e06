from string import Formatter

import pytest

from shared.question import normalise_stem
from starter.facts import FACTS, RELATIONS, wrong_answers

BY_RELATION = {relation: [fact for fact in FACTS if fact.relation == relation] for relation in RELATIONS}
each_relation = pytest.mark.parametrize("relation", RELATIONS, ids=lambda relation: relation.name)


def fields(template):
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def test_there_are_enough_facts_for_three_thousand_questions():
    assert len(FACTS) >= 420
    assert 16 <= len(RELATIONS) <= 24
    assert len({relation.name for relation in RELATIONS}) == len(RELATIONS)


@each_relation
def test_a_subject_is_asked_about_once_in_a_relation(relation):
    subjects = [fact.subject.casefold() for fact in BY_RELATION[relation]]

    assert len(subjects) == len(set(subjects))


@each_relation
def test_the_stems_of_a_relation_ask_for_a_subject_and_give_no_answer_away(relation):
    for template in (*relation.stems, *relation.study_stems):
        assert fields(template) == {"subject"}
    for template in relation.statements:
        assert fields(template) == {"subject", "answer"}
    assert len(set(relation.stems)) >= 8
    assert len(set(relation.study_stems)) == 4


@each_relation
def test_three_wrong_answers_can_be_drawn_for_every_fact(relation):
    answers = {fact.answer for fact in BY_RELATION[relation]}

    assert len(answers) >= 8
    for fact in BY_RELATION[relation]:
        wrong = wrong_answers(fact)
        assert len(wrong) >= 7
        assert set(wrong) == answers - {fact.answer, *fact.also_right}


@each_relation
def test_an_answer_that_is_also_right_is_the_answer_of_another_subject(relation):
    answers = {fact.answer for fact in BY_RELATION[relation]}

    for fact in BY_RELATION[relation]:
        assert set(fact.also_right) <= answers - {fact.answer}


def test_no_study_stem_is_a_stem_of_the_question_set():
    asked = {normalise_stem(fact.say(stem)) for fact in FACTS for stem in fact.relation.stems}
    studied = {normalise_stem(fact.say(stem)) for fact in FACTS for stem in fact.relation.study_stems}

    assert asked & studied == set()


def test_a_question_never_asks_for_two_facts():
    asked = [normalise_stem(fact.say(stem)) for fact in FACTS for stem in fact.relation.stems]

    assert len(asked) == len(set(asked))


def test_subjects_answers_and_explanations_are_short_and_without_stray_spaces():
    for fact in FACTS:
        for text in (fact.subject, fact.answer, fact.explanation):
            assert text == " ".join(text.split())
        assert 1 <= len(fact.subject) <= 33
        assert 1 <= len(fact.answer) <= 33
        assert 40 <= len(fact.explanation) <= 200 or 250 < len(fact.explanation) <= 600
        assert fact.explanation.endswith(".")


def test_some_explanations_are_longer_than_the_reason_that_is_taught():
    assert 10 <= sum(len(fact.explanation) > 250 for fact in FACTS) <= 60


def test_a_question_begins_with_a_capital_but_a_translocation_keeps_its_name():
    [vitamin_c] = [fact for fact in FACTS if fact.subject == "vitamin C"]
    [philadelphia] = [fact for fact in FACTS if fact.subject == "t(9;22)"]

    assert vitamin_c.say("{subject} prevents {answer}.") == "Vitamin C prevents Scurvy."
    assert philadelphia.say("{subject} causes {answer}.") == "t(9;22) causes Chronic myeloid leukaemia."
