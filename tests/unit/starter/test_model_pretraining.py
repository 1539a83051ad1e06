import random
from itertools import islice, pairwise

import pytest
import torch
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from shared.prompts import build_messages
from shared.question import Question, normalise_stem
from starter.facts import FACTS, RELATIONS
from starter.pretrain.corpus import tokenizer_texts
from starter.pretrain.encode import IGNORED, collate_by_length, encode
from starter.pretrain.exercises import Exercise, Span, closed_book, look_up, match
from starter.pretrain.stream import COURSES, Draw, Stage, stream_exercises
from starter.repos import MODEL_FOLDER

STAGES = [stage for course in COURSES for stage in course.stages]


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return AutoTokenizer.from_pretrained(MODEL_FOLDER)


def render(question: Question) -> str:
    return "\n".join(message["content"] for message in build_messages(question))


def draw(stage: Stage, count: int, seed: int = 0) -> list[Exercise]:
    return list(islice(stream_exercises(stage, FACTS, render, seed), count))


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_one_seed_draws_the_same_exercises_and_another_does_not(stage: Stage) -> None:
    assert draw(stage, 50) == draw(stage, 50)
    assert draw(stage, 50) != draw(stage, 50, seed=1)


def test_pretraining_asks_no_question_of_the_question_set() -> None:
    texts = ["".join(span.text for span in exercise) for stage in STAGES for exercise in draw(stage, 1000)]
    lines = "\n".join(texts + tokenizer_texts(FACTS)).splitlines()
    read = {normalise_stem(line.removeprefix("Question:")) for line in lines}

    asked = {normalise_stem(fact.say(stem)) for fact in FACTS for stem in fact.relation.stems}

    assert asked & read == set()


def test_no_study_question_is_a_question_of_the_question_set() -> None:
    stems = {normalise_stem(stem) for relation in RELATIONS for stem in relation.stems}
    study_stems = {normalise_stem(stem) for relation in RELATIONS for stem in relation.study_stems}

    assert stems & study_stems == set()


@pytest.mark.parametrize("exercise", [look_up, match, closed_book])
def test_a_learned_letter_stands_before_the_option_that_the_hint_names(exercise: Draw) -> None:
    spans = exercise(FACTS, random.Random(3))

    text = "".join(span.text for span in spans)
    asked = [(before.hint, span.text) for before, span in pairwise(spans) if span.learned]

    assert asked
    assert [f"{letter}){answer}" in text for answer, letter in asked] == [True] * len(asked)


def test_span_by_span_the_tokens_are_those_of_the_whole_text(tokenizer: PreTrainedTokenizerBase) -> None:
    for stage in STAGES:
        for exercise in draw(stage, 50):
            ids, _, _ = encode(exercise, tokenizer)
            assert ids == tokenizer.encode("".join(span.text for span in exercise))


def test_a_batch_learns_what_its_spans_say_and_nothing_of_the_padding(
    tokenizer: PreTrainedTokenizerBase,
) -> None:
    (letter,) = tokenizer.encode("B")
    rows = [(Span('x "'), Span("B", learned=True)), (Span("y", hint="B"),)]

    batches = collate_by_length(rows, tokenizer)

    short, long = batches
    assert long.labels[0].tolist() == [IGNORED] * (long.input_ids.shape[1] - 1) + [letter]
    assert short.hints.tolist() == [[letter]]
    assert torch.all(short.labels == IGNORED)
