"""Constrained answers: predictions whatever the model and however few the tokens."""

import copy

import pytest
import torch
from models import make_question

from shared.errors import BadInput
from shared.lm.chat import encode_prompt
from shared.lm.generate import decoding
from shared.lm.greedy.grammar import Grammar
from shared.lm.greedy.missing import find_missing, lacks_letter
from shared.prediction import parse_completion
from shared.prompts import build_target

SHORTEST = '{"predicted_category": "A", "confidence": 0, "reason": "x"}'


def make_prompts(tokenizer, rows):
    return [encode_prompt(tokenizer, make_question(number, opa="Well, " * number)) for number in range(rows)]


def complete(model, tokenizer, max_new_tokens, rows=10, batch_size=32, constrained=True):
    with decoding(model, tokenizer, max_new_tokens, constrained=constrained) as decoder:
        return decoder.complete(make_prompts(tokenizer, rows), batch_size)


def fewest_tokens(tokenizer, vocabulary):
    grammar = Grammar(tokenizer, vocabulary, 1000)
    return len(grammar.shortest_end(b"")) + 1


@pytest.mark.parametrize("kind", ["sharp_qwen3", "sharp_llama"])
@pytest.mark.parametrize("extra", [0, 1, 2, 5, 17, 60])
def test_an_untaught_model_gives_nothing_but_predictions(request, kind, extra):
    model, tokenizer = request.getfixturevalue(kind)
    limit = fewest_tokens(tokenizer, model.config.vocab_size) + extra
    said = complete(model, tokenizer, limit)
    assert [parse_completion(answer.text).problem for answer in said] == [None] * 10
    assert {answer.ended for answer in said} == {"stop"}
    assert max(answer.new_tokens for answer in said) <= limit
    assert all(sum(answer.letter_probabilities) == pytest.approx(1) for answer in said)


@pytest.mark.parametrize("seed", range(3))
def test_so_does_one_whose_every_step_is_chance(sharp_qwen3, seed):
    """Scores are drawn anew in each step, so that all kinds of tokens come up, halves of characters among them."""
    model, tokenizer = copy.deepcopy(sharp_qwen3[0]), sharp_qwen3[1]
    generator = torch.Generator().manual_seed(seed)

    def draw(module, inputs, output):
        output.logits = torch.randn(output.logits.shape, generator=generator)
        return output

    model.register_forward_hook(draw)
    fewest = fewest_tokens(tokenizer, model.config.vocab_size)
    letters = set()
    for limit in (fewest, fewest + 3, fewest + 20):
        for answer in complete(model, tokenizer, limit, rows=16):
            parsed = parse_completion(answer.text)
            assert parsed.problem is None, answer.text
            assert answer.new_tokens <= limit
            letters.add(parsed.letter)
    assert letters == set("ABCD")


def test_too_few_tokens_for_any_answer_are_refused_with_the_number_that_suffices(sharp_qwen3):
    model, tokenizer = sharp_qwen3
    fewest = fewest_tokens(tokenizer, model.config.vocab_size)
    with pytest.raises(BadInput, match=f"max_new_tokens {fewest - 1} is too few .* has {fewest} tokens"):
        complete(model, tokenizer, fewest - 1)


def test_a_model_that_keeps_to_the_schema_by_itself_says_the_same(starter):
    free, constrained = (complete(*starter, 96, constrained=constrained) for constrained in (False, True))
    kept = [place for place, answer in enumerate(free) if parse_completion(answer.text).problem is None]
    assert kept
    for place in kept:
        assert constrained[place].token_ids == free[place].token_ids
        assert constrained[place].letter_probabilities == free[place].letter_probabilities


def test_batch_size_changes_no_bit(sharp_qwen3):
    model, tokenizer = sharp_qwen3
    limit = fewest_tokens(tokenizer, model.config.vocab_size) + 8

    def answers(batch_size):
        said = complete(model, tokenizer, limit, rows=7, batch_size=batch_size)
        return [(answer.text, answer.token_ids, answer.letter_probabilities) for answer in said]

    assert answers(1) == answers(5) == answers(32)


def test_sampled_answers_cannot_be_constrained(sharp_qwen3):
    with (
        pytest.raises(BadInput, match="Constrained decoding is there for greedy answers"),
        decoding(*sharp_qwen3, 90, temperature=1.0, constrained=True),
    ):
        pass


@pytest.mark.parametrize(
    "text",
    [
        SHORTEST,
        build_target(make_question(2)),
        '{"predicted_category": "D", "confidence": 0.25, "reason": "\\"é\\\\\\n 漢字 😀\\/"}',
        '{"predicted_category": "C", "confidence": 1.0, "reason": "a\\\\"}',
    ],
)
def test_what_is_missing_completes_an_answer_wherever_it_is_cut(text):
    written = text.encode()
    for cut in range(len(written) + 1):
        begun = written[:cut]
        try:
            begun.decode()
        except UnicodeDecodeError as error:
            # As many pieces as bytes are missing, and whatever they are they count one each.
            lacking = len(text.encode()[error.start :].decode()[0].encode()) - (cut - error.start)
            assert find_missing(begun)[:lacking] == ["x"] * lacking
            continue
        assert parse_completion(begun.decode() + "".join(find_missing(begun))).problem is None
        assert lacks_letter(begun) == (cut == len('{"predicted_category": "'))
    assert find_missing(written) == []


def test_the_shortest_answer_is_one():
    assert "".join(find_missing(b"")) == SHORTEST
    assert parse_completion(SHORTEST).problem is None
