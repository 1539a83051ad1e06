import json

import pytest
from models import make_question, make_qwen3
from transformers import AutoTokenizer

from sft_trainer.examples import IGNORED, build_example, build_examples
from shared.errors import BadInput
from shared.lm.chat import encode_answer, encode_prompt


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return AutoTokenizer.from_pretrained(make_qwen3(tmp_path_factory.mktemp("qwen3")))


def length(tokenizer, question):
    return len(build_example(tokenizer, question)["input_ids"])


def test_an_example_is_prompt_and_answer_with_the_loss_on_the_answer(tokenizer):
    question = make_question(2)
    prompt, answer = encode_prompt(tokenizer, question), encode_answer(tokenizer, question)
    assert build_example(tokenizer, question) == {
        "input_ids": prompt + answer,
        "labels": [IGNORED] * len(prompt) + answer,
    }


def test_a_row_whose_answer_would_be_cut_is_left_out_and_counted(tokenizer):
    short, long = make_question(1), make_question(2, exp="Because of its long history. " * 6)
    examples = build_examples(tokenizer, [short, long, short], max_length=length(tokenizer, short))
    assert examples.too_long == 1
    assert examples.dataset.to_list() == [build_example(tokenizer, short)] * 2
    assert examples.answer_tokens == 2 * len(encode_answer(tokenizer, short))


def test_rows_that_fit_to_the_last_token_are_all_kept(tokenizer):
    question = make_question(1)
    assert build_examples(tokenizer, [question], max_length=length(tokenizer, question)).too_long == 0


def test_a_max_length_that_cuts_every_answer_is_refused(tokenizer):
    question = make_question(1)
    needed = length(tokenizer, question)
    with pytest.raises(BadInput) as raised:
        build_examples(tokenizer, [question] * 3, max_length=needed - 1)
    assert str(raised.value) == (
        f"max_length {needed - 1} would cut the answer of all 3 rows; the shortest has {needed} tokens. "
        "Raise max_length."
    )


def test_confidences_are_dealt_to_the_rows_in_turn(tokenizer):
    questions = [make_question(number) for number in range(5)]
    examples = build_examples(tokenizer, questions, 512, confidences=(0.25, 0.75))
    answers = [[label for label in labels if label != IGNORED] for labels in examples.dataset["labels"]]
    stated = [json.loads(tokenizer.decode(answer[:-1]))["confidence"] for answer in answers]
    assert stated == [0.25, 0.75, 0.25, 0.75, 0.25]
