"""Lanes: on a CPU the same bits whatever is answered beside a prompt, and the answers of transformers' `generate`."""

import copy
import random
import time

import pytest
import torch
from models import make_question
from peft import LoraConfig, get_peft_model
from transformers import Qwen3Config, Qwen3ForCausalLM

from shared.lm.chat import encode_prompt, stop_token_ids
from shared.lm.generate import decoding
from shared.lm.greedy.engine import choose_capacities, common_prefix
from shared.lm.greedy.support import can_serve
from shared.prediction import parse_completion

NEW_TOKENS = 40


def make_prompts(tokenizer, rows):
    questions = [make_question(number, opa="Well, " * (number * 7 % 23)) for number in range(rows)]
    return [encode_prompt(tokenizer, question) for question in questions]


def complete(model, tokenizer, prompts, batch_size, max_new_tokens=NEW_TOKENS):
    with decoding(model, tokenizer, max_new_tokens) as decoder:
        return decoder.complete(prompts, batch_size)


def facts(completion):
    """All of a completion but its time."""
    return (
        completion.text,
        completion.token_ids,
        completion.ended,
        completion.letter_probabilities,
        completion.letter_mass,
    )


def generate(model, tokenizer, prompt):
    """What transformers' own loop says to one prompt, and its text."""
    stop = stop_token_ids(model, tokenizer)
    ids = model.generate(
        torch.tensor([prompt]),
        max_new_tokens=NEW_TOKENS,
        do_sample=False,
        eos_token_id=stop,
        pad_token_id=stop[0],
    )[0, len(prompt) :].tolist()
    end = next((place for place, token in enumerate(ids) if token in stop), None)
    return ids, tokenizer.decode(ids[:end], skip_special_tokens=True)


def grade(text):
    parsed = parse_completion(text)
    return parsed.is_json, parsed.letter, parsed.prediction is not None


@pytest.mark.parametrize(
    ("kind", "dtype", "max_new_tokens"),
    [
        ("starter", torch.float32, 16),
        ("sharp_qwen3", torch.float32, 12),
        ("sharp_qwen3", torch.bfloat16, 6),
        ("sharp_llama", torch.float32, 12),
        ("sharp_llama", torch.float16, 6),
    ],
)
def test_batch_size_and_order_change_no_bit(request, kind, dtype, max_new_tokens):
    model, tokenizer = request.getfixturevalue(kind)
    model = copy.deepcopy(model).to(dtype)
    prompts = make_prompts(tokenizer, 35)

    def answer(prompts, batch_size):
        return [facts(said) for said in complete(model, tokenizer, prompts, batch_size, max_new_tokens)]

    expected = answer(prompts, 32)
    assert len(set(expected)) > 10
    assert kind != "starter" or all(letters for _, _, _, letters, _ in expected)
    assert answer(prompts[:12], 1) == expected[:12]
    order = random.Random(3).sample(range(len(prompts)), len(prompts))
    assert answer([prompts[place] for place in order], 7) == [expected[place] for place in order]


@pytest.mark.parametrize("kind", ["sharp_qwen3", "sharp_llama", "starter"])
def test_the_grades_are_those_of_generate_and_so_are_the_tokens_as_far_as_they_go(request, kind):
    model, tokenizer = request.getfixturevalue(kind)
    prompts = make_prompts(tokenizer, 16)
    for prompt, ours in zip(prompts, complete(model, tokenizer, prompts, 32), strict=True):
        ids, text = generate(model, tokenizer, prompt)
        assert grade(ours.text) == grade(text)
        assert list(ours.token_ids) == ids[: ours.new_tokens]
        if ours.ended != "settled":
            assert ours.text == text
            assert len(ids) == ours.new_tokens


def test_an_adapter_takes_part(sharp_qwen3):
    model, tokenizer = copy.deepcopy(sharp_qwen3[0]), sharp_qwen3[1]
    prompts = make_prompts(tokenizer, 6)
    bare = complete(model, tokenizer, prompts, 4)
    config = LoraConfig(target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config)
    answers = complete(adapted, tokenizer, prompts, 4)
    assert [answer.text for answer in answers] != [answer.text for answer in bare]
    adapted.eval()
    for prompt, answer in zip(prompts, answers, strict=True):
        stop = stop_token_ids(adapted, tokenizer)
        ids = adapted.generate(
            input_ids=torch.tensor([prompt]), max_new_tokens=NEW_TOKENS, do_sample=False, eos_token_id=stop,
            pad_token_id=stop[0],
        )[0, len(prompt) :].tolist()  # fmt: skip
        assert list(answer.token_ids) == ids[: answer.new_tokens]


def test_no_step_is_spent_on_answers_that_have_ended(starter):
    """With one lane in use the passes are those of the tokens of all answers, one after the other."""
    model, tokenizer = copy.deepcopy(starter[0]), starter[1]
    steps = []
    model.register_forward_pre_hook(lambda module, positional: steps.append(1))
    completions = complete(model, tokenizer, make_prompts(tokenizer, 5), 1)
    assert len(steps) == sum(completion.new_tokens for completion in completions)


def test_the_common_beginning_is_read_once(sharp_qwen3):
    model, tokenizer = copy.deepcopy(sharp_qwen3[0]), sharp_qwen3[1]
    prompts = [prompt for prompt in make_prompts(tokenizer, 12) if 128 < len(prompt) + NEW_TOKENS < 256]
    assert len(prompts) > 2
    shapes = []
    model.get_decoder().register_forward_pre_hook(
        lambda module, positional, named: shapes.append(tuple(named["input_ids"].shape)), with_kwargs=True
    )
    complete(model, tokenizer, prompts, 32)
    prefix = len(common_prefix(prompts))
    assert prefix > 100
    longest_first = sorted(map(len, prompts), reverse=True)
    assert shapes[: len(prompts) + 1] == [
        (1, prefix),
        *((1, length - 1 - prefix) for length in longest_first),
    ]


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        ([[1, 2, 3, 4], [1, 2, 5]], [1, 2]),
        ([[1, 2, 3], [1, 2, 3]], [1, 2]),
        ([[1, 2], [1, 2, 3]], [1]),
        ([[1], [2]], []),
        ([[1, 2, 3]], []),
        ([], []),
    ],
)
def test_what_prompts_begin_with_leaves_each_a_token(prompts, expected):
    assert list(common_prefix(prompts)) == expected


def test_few_long_prompts_do_not_make_the_lanes_long_for_all():
    assert choose_capacities([300, 289, 257, 700]) == [320, 320, 320, 704]


def test_identical_and_shortest_prompts_are_answered(sharp_qwen3):
    model, tokenizer = sharp_qwen3
    same, short = make_prompts(tokenizer, 1)[0], [5]
    answers = complete(model, tokenizer, [same, same, short, same], 3)
    assert len({facts(answers[place]) for place in (0, 1, 3)}) == 1
    assert list(answers[2].token_ids) == generate(model, tokenizer, short)[0][: answers[2].new_tokens]


def test_a_row_without_numbers_spoils_no_other(sharp_qwen3):
    """A token whose vector is NaN stands in one prompt; the lane that it leaves is used by others."""
    model, tokenizer = copy.deepcopy(sharp_qwen3[0]), sharp_qwen3[1]
    prompts = make_prompts(tokenizer, 8)
    poison = next(token for token in range(len(tokenizer)) if not any(token in prompt for prompt in prompts))
    expected = [facts(completion) for completion in complete(model, tokenizer, prompts, 2)]
    with torch.no_grad():
        model.model.embed_tokens.weight[poison] = torch.nan
    model.lm_head.weight = torch.nn.Parameter(sharp_qwen3[0].lm_head.weight.clone())
    longest = max(prompts, key=len)
    poisoned = complete(model, tokenizer, [*prompts, [*longest[:-1], poison, poison, longest[-1]]], 2)
    assert [facts(completion) for completion in poisoned[:-1]] == expected


def test_the_seconds_of_all_answers_are_the_time_that_was_taken(starter):
    began = time.perf_counter()
    completions = complete(*starter, make_prompts(starter[1], 9), 4)
    taken = time.perf_counter() - began
    assert taken / 2 < sum(completion.seconds for completion in completions) <= taken


def make_config(**changes):
    return Qwen3Config(
        vocab_size=50, hidden_size=16, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, head_dim=8, eos_token_id=None, **changes,
    )  # fmt: skip


def test_what_the_lanes_cannot_serve_is_told_by_its_configuration():
    assert can_serve(Qwen3ForCausalLM(make_config()))
    windowed = make_config(use_sliding_window=True, sliding_window=4, max_window_layers=1)
    dynamic = make_config(rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0})
    eager = make_config(attn_implementation="eager")
    for config in (windowed, dynamic, eager):
        assert not can_serve(Qwen3ForCausalLM(config))


def test_a_model_with_a_sliding_window_answers_as_generate_does(sharp_qwen3):
    tokenizer = sharp_qwen3[1]
    torch.manual_seed(0)
    config = copy.deepcopy(sharp_qwen3[0].config)
    config.update({"sliding_window": 16, "layer_types": ["sliding_attention", "full_attention"]})
    model = Qwen3ForCausalLM(config).eval()
    prompts = make_prompts(tokenizer, 3)
    answers = complete(model, tokenizer, prompts, 1)
    assert [answer.text for answer in answers] == [
        generate(model, tokenizer, prompt)[1] for prompt in prompts
    ]
    assert [answer.letter_probabilities for answer in answers] == [None] * 3
