"""The model's own probabilities of A to D, from the pass that chose the letter."""

import copy

import pytest
import torch
from models import make_question
from transformers import AutoTokenizer

from shared.lm.chat import encode_prompt
from shared.lm.generate import decoding
from shared.lm.greedy.answer import Answer, Tokens
from shared.lm.greedy.letters import letter_tokens, read_letters


@pytest.fixture
def tokens(qwen3_tokenizer):
    return Tokens(qwen3_tokenizer, stop=[0], end=0, limit=99)


def say(tokens, text, favourite="B"):
    """An answer given token after token, with scores that are clear where a letter may be chosen."""
    tokenizer = tokens.tokenizer
    answer, scores = Answer(tokens), torch.zeros(len(tokenizer))
    scores[tokenizer.convert_tokens_to_ids(favourite)] = 5.0
    for token in tokenizer.encode(text, add_special_tokens=False):
        answer.add(token, scores)
    return answer.finish("stop" if answer.ids[-1] in tokens.stop else "limit")


def test_shares_and_mass_are_those_of_the_softmax():
    scores = torch.randn(50, dtype=torch.bfloat16)
    probabilities, mass = read_letters(scores, (3, 9, 4, 40))
    whole = scores.float().softmax(0)[[3, 9, 4, 40]]
    assert mass == pytest.approx(whole.sum().item())
    assert probabilities == pytest.approx((whole / whole.sum()).tolist())


def test_letters_far_below_all_others_still_have_shares():
    probabilities, mass = read_letters(torch.tensor([0.0, -500, -500, -501, -502]), (1, 2, 3, 4))
    assert sum(probabilities) == pytest.approx(1)
    assert probabilities[0] == probabilities[1] > probabilities[2] > 0
    assert mass == 0


@pytest.mark.parametrize(
    "text",
    [
        '{"predicted_category": "B", "confidence": 0.9',
        '{"predicted_category":\n "B"',
        '{"reason": "A or B", "predicted_category": "C"}',
        '{"predicted_category": "D',
    ],
)
def test_they_are_read_where_the_letter_is_chosen(tokens, text):
    said = say(tokens, text)
    assert said.letter_probabilities[1] == max(said.letter_probabilities) > 0.9
    assert 0 < said.letter_mass < 1


@pytest.mark.parametrize(
    "text",
    [
        '{"predicted_category": "E"}',
        '{"predicted_category": "Because"}',
        "The answer is B.",
        '{"predicted": "B"}',
        "{",
    ],
)
def test_there_are_none_where_no_letter_is_chosen(tokens, text):
    said = say(tokens, text)
    assert (said.letter_probabilities, said.letter_mass) == (None, None)


def test_a_token_holds_one_letter_and_its_marks(qwen3_tokenizer):
    tokenizer = qwen3_tokenizer
    expected = tuple(tokenizer.convert_tokens_to_ids(list("ABCD")))
    assert letter_tokens(tokenizer, expected[2]) == expected
    for other in ("E", "a", "The", "\u0120", '"'):
        token = tokenizer.convert_tokens_to_ids(other)
        assert token is None or letter_tokens(tokenizer, token) is None
    # A model may have more scores than its tokenizer has tokens.
    assert letter_tokens(tokenizer, len(tokenizer) + 5) is None


def test_a_letter_that_is_part_of_a_larger_token_has_alternatives_only_where_all_four_are_tokens(qwen3):
    tokenizer = AutoTokenizer.from_pretrained(qwen3)
    tokenizer.add_tokens([f'"{letter}' for letter in "ABCD"] + [f'{letter}",' for letter in "AB"])
    ids = tokenizer.convert_tokens_to_ids(['"A', '"B', '"C', '"D'])
    assert letter_tokens(tokenizer, ids[3]) == tuple(ids)
    assert letter_tokens(tokenizer, tokenizer.convert_tokens_to_ids('A",')) is None


def test_they_are_those_of_a_pass_over_prompt_and_answer(starter):
    model, tokenizer = starter
    prompt = encode_prompt(tokenizer, make_question(3))
    with decoding(model, tokenizer, 16) as decoder:
        said = decoder.complete([prompt], 1)[0]
    four = tokenizer.convert_tokens_to_ids(list("ABCD"))
    place = next(place for place, token in enumerate(said.token_ids) if token in four)
    with torch.no_grad():
        scores = model(torch.tensor([[*prompt, *said.token_ids[:place]]])).logits[0, -1]
    whole = scores.softmax(0)[four]
    assert said.letter_mass == pytest.approx(whole.sum().item(), rel=1e-4)
    assert said.letter_probabilities == pytest.approx((whole / whole.sum()).tolist(), rel=1e-4)
    assert four[said.letter_probabilities.index(max(said.letter_probabilities))] == said.token_ids[place]


def test_sampled_answers_have_none(starter):
    model, tokenizer = copy.deepcopy(starter[0]), starter[1]
    with decoding(model, tokenizer, 16, temperature=0.1) as decoder:
        said = decoder.complete([encode_prompt(tokenizer, make_question(3))], 1)[0]
    assert (said.letter_probabilities, said.letter_mass) == (None, None)
