"""Greedy answers: batches change the speed and nothing else."""

import copy
from collections import Counter

import pytest
import torch
from models import make_question

from evaluator.generate import build_decoder
from shared.lm.chat import encode_prompt, stop_token_ids


def make_prompts(tokenizer):
    questions = [make_question(number, opa="Well, " * (number % 5)) for number in range(11)]
    return [encode_prompt(tokenizer, question) for question in questions]


def complete(model, tokenizer, prompts, batch_size, max_new_tokens=12):
    decoder = build_decoder(copy.deepcopy(model), tokenizer, max_new_tokens)
    completions = decoder.complete(prompts, batch_size, report=lambda done: None)
    return [(completion.text, completion.new_tokens, completion.cut_off) for completion in completions]


def greedy_ids(model, tokenizer, prompt, max_new_tokens=12):
    stop, ids = stop_token_ids(model, tokenizer), list(prompt)
    while len(ids) < len(prompt) + max_new_tokens and ids[-1] not in stop:
        with torch.no_grad():
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[len(prompt) :]


def greedy_by_hand(model, tokenizer, prompts):
    answers, stop = (
        [greedy_ids(model, tokenizer, prompt) for prompt in prompts],
        stop_token_ids(model, tokenizer),
    )
    texts = [
        tokenizer.decode([token for token in ids if token not in stop], skip_special_tokens=True)
        for ids in answers
    ]
    return [(text, len(ids), ids[-1] not in stop) for text, ids in zip(texts, answers, strict=True)]


@pytest.mark.parametrize("batch_size", [1, 4, 32])
@pytest.mark.parametrize("architecture", ["qwen3", "llama"])
def test_batched_answers_are_those_of_one_prompt_at_a_time(request, architecture, batch_size):
    model, tokenizer = request.getfixturevalue(architecture)
    prompts = make_prompts(tokenizer)
    expected = greedy_by_hand(model, tokenizer, prompts)
    assert len(set(map(len, prompts))) > 3
    assert len(set(expected)) > 3
    assert complete(model, tokenizer, prompts, batch_size) == expected


def test_a_tokenizer_without_a_padding_token_is_among_those_tested(llama):
    assert llama[1].pad_token_id is None


def test_answers_end_at_the_models_own_end_token_which_counts_and_is_left_out(qwen3):
    model, tokenizer = copy.deepcopy(qwen3[0]), qwen3[1]
    prompts = make_prompts(tokenizer)
    said = Counter(token for prompt in prompts for token in set(greedy_ids(model, tokenizer, prompt)))
    model.generation_config.eos_token_id = next(
        token for token, answers in said.items() if 1 < answers < len(prompts)
    )
    expected = greedy_by_hand(model, tokenizer, prompts)
    assert {cut_off for _, _, cut_off in expected} == {True, False}
    assert complete(model, tokenizer, prompts, 4) == expected


def test_what_the_repo_configures_for_sampling_is_not_used(qwen3):
    model, tokenizer = copy.deepcopy(qwen3[0]), qwen3[1]
    prompts = make_prompts(tokenizer)
    plain = complete(model, tokenizer, prompts, 4)
    model.generation_config.update(
        do_sample=True, temperature=5.0, repetition_penalty=9.0, min_new_tokens=5, max_length=3
    )
    assert complete(model, tokenizer, prompts, 4) == plain


def test_progress_is_reported_after_every_batch(qwen3):
    done = []
    decoder = build_decoder(copy.deepcopy(qwen3[0]), qwen3[1], max_new_tokens=2)
    decoder.complete(make_prompts(qwen3[1]), 4, report=done.append)
    assert done == [4, 8, 11]
