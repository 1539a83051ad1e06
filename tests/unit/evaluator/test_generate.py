"""Greedy answers: batches change the speed and nothing else."""

import copy

import pytest
import torch
from models import make_llama, make_question
from transformers import AutoModelForCausalLM, AutoTokenizer

from evaluator.generate import build_decoder
from shared.lm.chat import encode_prompt, stop_token_ids


@pytest.fixture
def prompts(qwen3):
    questions = [
        make_question(number, question=f"Which nerve? {'Well, ' * (number % 5)}") for number in range(11)
    ]
    return [encode_prompt(qwen3[1], question) for question in questions]


def complete(model, tokenizer, prompts, batch_size, max_new_tokens=12):
    decoder = build_decoder(copy.deepcopy(model), tokenizer, max_new_tokens)
    completions = decoder.complete(prompts, batch_size, report=lambda done: None)
    return [(completion.text, completion.new_tokens, completion.cut_off) for completion in completions]


def greedy_by_hand(model, tokenizer, prompt, max_new_tokens):
    stop, ids = stop_token_ids(model, tokenizer), list(prompt)
    for count in range(1, max_new_tokens + 1):
        with torch.no_grad():
            token = int(model(torch.tensor([ids])).logits[0, -1].argmax())
        if token in stop:
            return tokenizer.decode(ids[len(prompt) :], skip_special_tokens=True), count, False
        ids.append(token)
    return tokenizer.decode(ids[len(prompt) :], skip_special_tokens=True), max_new_tokens, True


@pytest.mark.parametrize("batch_size", [1, 4, 32])
def test_batched_answers_are_those_of_one_prompt_at_a_time(qwen3, prompts, batch_size):
    model, tokenizer = qwen3
    expected = [greedy_by_hand(model, tokenizer, prompt, 12) for prompt in prompts]
    assert len(set(map(len, prompts))) > 1
    assert complete(model, tokenizer, prompts, batch_size) == expected


def test_an_answer_ends_at_the_end_of_the_turn_and_counts_its_token(qwen3, prompts):
    model, tokenizer = copy.deepcopy(qwen3[0]), qwen3[1]
    first = greedy_by_hand(model, tokenizer, prompts[0], 1)[0]
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    favourite = tokenizer.encode(first, add_special_tokens=False)
    with torch.no_grad():
        # Twice the direction of the favourite: wherever it would win, the end of the turn wins now.
        model.get_output_embeddings().weight[end] = 2 * model.get_output_embeddings().weight[favourite[0]]
    assert complete(model, tokenizer, prompts[:1], 1) == [("", 1, False)]


def test_what_the_repo_configures_for_sampling_is_not_used(qwen3, prompts):
    model, tokenizer = copy.deepcopy(qwen3[0]), qwen3[1]
    plain = complete(model, tokenizer, prompts, 4)
    model.generation_config.update(
        do_sample=True, temperature=5.0, repetition_penalty=9.0, min_new_tokens=5, max_length=3
    )
    assert complete(model, tokenizer, prompts, 4) == plain


def test_a_tokenizer_without_a_padding_token_will_do(tmp_path):
    folder = make_llama(tmp_path / "llama")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert tokenizer.pad_token_id is None
    prompts = [encode_prompt(tokenizer, make_question(number, opa="long " * number)) for number in range(5)]
    expected = [greedy_by_hand(model, tokenizer, prompt, 12) for prompt in prompts]
    assert complete(model, tokenizer, prompts, 3) == expected


def test_progress_is_reported_after_every_batch(qwen3, prompts):
    done = []
    build_decoder(copy.deepcopy(qwen3[0]), qwen3[1], 2).complete(prompts, 4, report=done.append)
    assert done == [4, 8, 11]
