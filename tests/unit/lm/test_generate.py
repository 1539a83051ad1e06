"""Answers: batches change the speed and nothing else."""

import copy
from collections import Counter

import pytest
import torch
from models import make_question

from shared.errors import PipelineError
from shared.lm.chat import encode_prompt, stop_token_ids
from shared.lm.generate import decoding


def make_prompts(tokenizer):
    questions = [make_question(number, opa="Well, " * (number % 5)) for number in range(11)]
    return [encode_prompt(tokenizer, question) for question in questions]


def complete(model, tokenizer, prompts, batch_size, max_new_tokens=12):
    with decoding(model, tokenizer, max_new_tokens) as decoder:
        completions = decoder.complete(prompts, batch_size)
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
@pytest.mark.parametrize("architecture", ["sharp_qwen3", "sharp_llama"])
def test_batched_answers_are_those_of_one_prompt_at_a_time(request, architecture, batch_size):
    model, tokenizer = request.getfixturevalue(architecture)
    prompts = make_prompts(tokenizer)
    expected = greedy_by_hand(model, tokenizer, prompts)
    assert len(set(map(len, prompts))) > 3
    assert len(set(expected)) > 3
    assert complete(model, tokenizer, prompts, batch_size) == expected


def test_a_tokenizer_without_a_padding_token_is_among_those_tested(sharp_llama):
    assert sharp_llama[1].pad_token_id is None


def test_answers_end_at_the_models_own_end_token_which_counts_and_is_left_out(sharp_qwen3):
    model, tokenizer = copy.deepcopy(sharp_qwen3[0]), sharp_qwen3[1]
    prompts = make_prompts(tokenizer)
    said = Counter(token for prompt in prompts for token in set(greedy_ids(model, tokenizer, prompt)))
    model.generation_config.eos_token_id = next(
        token for token, answers in said.items() if 1 < answers < len(prompts)
    )
    expected = greedy_by_hand(model, tokenizer, prompts)
    assert {cut_off for _, _, cut_off in expected} == {True, False}
    assert complete(model, tokenizer, prompts, 4) == expected


def test_what_the_repo_configures_for_sampling_is_not_used(sharp_qwen3):
    model, tokenizer = copy.deepcopy(sharp_qwen3[0]), sharp_qwen3[1]
    prompts = make_prompts(tokenizer)
    plain = complete(model, tokenizer, prompts, 4)
    model.generation_config.update(
        do_sample=True, temperature=5.0, repetition_penalty=9.0, min_new_tokens=5, max_length=3
    )
    assert complete(model, tokenizer, prompts, 4) == plain


@pytest.mark.parametrize("temperature", [None, 1.0])
def test_progress_is_reported_as_answers_end(sharp_qwen3, temperature):
    done = []
    with decoding(*sharp_qwen3, 2, temperature) as decoder:
        decoder.complete(make_prompts(sharp_qwen3[1]), 4, report=done.append)
    assert done == [4, 8, 11]


def fail_until(model, passes):
    """Let the first passes over the lanes fail as on a GPU whose memory is full; return a list of all passes."""
    seen = []

    def fail(module, positional, named):
        seen.append(named["input_ids"].shape)
        if len(seen) <= passes:
            raise torch.OutOfMemoryError("CUDA out of memory")

    model.register_forward_pre_hook(fail, with_kwargs=True)
    return seen


@pytest.mark.parametrize("temperature", [None, 1.0])
def test_too_many_at_once_are_halved_and_all_are_answered(sharp_qwen3, temperature):
    model, tokenizer = copy.deepcopy(sharp_qwen3[0]), sharp_qwen3[1]
    prompts = make_prompts(tokenizer)
    expected = complete(model, tokenizer, prompts, 4)
    fail_until(model, 2)
    warnings, done = [], []
    with decoding(model, tokenizer, 12, temperature) as decoder:
        completions = decoder.complete(prompts, 11, done.append, warnings.append)
    assert warnings == [
        "warning: out of memory with 11 prompts at once; going on with 5.",
        "warning: out of memory with 5 prompts at once; going on with 2.",
    ]
    assert done[-1] == 11
    if temperature is None:
        assert [(answer.text, answer.new_tokens, answer.cut_off) for answer in completions] == expected


def test_what_is_answered_when_memory_runs_out_is_kept(sharp_qwen3):
    model, tokenizer = copy.deepcopy(sharp_qwen3[0]), sharp_qwen3[1]
    prompts = make_prompts(tokenizer)
    expected = complete(model, tokenizer, prompts, 4)
    passes = 0

    def fail_once(module, positional):
        nonlocal passes
        passes += 1
        if passes == 15:
            raise torch.OutOfMemoryError("CUDA out of memory")

    model.register_forward_pre_hook(fail_once)
    warnings, done = [], []
    with decoding(model, tokenizer, 12) as decoder:
        completions = decoder.complete(prompts, 4, done.append, warnings.append)
    assert [(answer.text, answer.new_tokens, answer.cut_off) for answer in completions] == expected
    assert warnings == ["warning: out of memory with 4 prompts at once; going on with 2."]
    assert sorted(set(done)) == done
    assert done[-1] == 11


def test_a_device_too_small_for_one_prompt_is_an_error_with_a_remedy(sharp_qwen3):
    model = copy.deepcopy(sharp_qwen3[0])
    fail_until(model, 1000)
    with (
        decoding(model, sharp_qwen3[1], max_new_tokens=2) as decoder,
        pytest.raises(PipelineError, match=r"not enough memory to answer one prompt of \d+ tokens. Lower"),
    ):
        decoder.complete(make_prompts(sharp_qwen3[1]), 4, warn=lambda line: None)


def test_a_model_that_is_being_trained_is_left_as_it_was(sharp_qwen3):
    model = copy.deepcopy(sharp_qwen3[0]).train()
    configured = model.generation_config
    with decoding(model, sharp_qwen3[1], 2, temperature=0.7) as decoder:
        assert not model.training
        decoder.complete(make_prompts(sharp_qwen3[1])[:2], 2)
    assert (model.training, model.generation_config) == (True, configured)
    model(torch.tensor([[1, 2, 3]]), labels=torch.tensor([[1, 2, 3]])).loss.backward()


def test_sampled_answers_differ_and_are_the_same_for_the_same_seed(sharp_qwen3):
    prompts = [make_prompts(sharp_qwen3[1])[0]] * 6

    def sample(seed):
        torch.manual_seed(seed)
        with decoding(*sharp_qwen3, 12, temperature=2.0) as decoder:
            return [completion.text for completion in decoder.complete(prompts, 6)]

    assert len(set(sample(0))) > 1
    assert sample(0) == sample(0)
