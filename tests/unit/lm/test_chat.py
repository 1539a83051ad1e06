import pytest
from models import make_llama, make_question
from transformers import AutoModelForCausalLM, AutoTokenizer

from shared.errors import BadInput
from shared.lm.chat import (
    encode_answer,
    encode_prompt,
    end_of_turn_id,
    prompt_messages,
    render_prompt,
    stop_token_ids,
)
from shared.prompts import SYSTEM_PROMPT, build_messages, build_target, render_user

QUESTION = make_question(1)


@pytest.fixture(scope="module")
def llamas(tmp_path_factory):
    def load(system_role):
        return AutoTokenizer.from_pretrained(make_llama(tmp_path_factory.mktemp("llama"), system_role))

    return load


def test_qwen3_is_asked_with_thinking_closed(qwen3_tokenizer):
    user = render_user(QUESTION)
    assert render_prompt(qwen3_tokenizer, QUESTION) == (
        f"<|im_start|>system\n{SYSTEM_PROMPT}<|im_end|>\n<|im_start|>user\n{user}<|im_end|>\n"
        "<|im_start|>assistant\n<think>\n\n</think>\n\n"
    )


def test_the_ids_are_those_of_the_rendered_text(any_model):
    tokenizer = AutoTokenizer.from_pretrained(any_model)
    text = render_prompt(tokenizer, QUESTION)
    assert encode_prompt(tokenizer, QUESTION) == tokenizer.encode(text, add_special_tokens=False)


def test_a_template_that_begins_a_text_begins_it_once(llamas):
    tokenizer = llamas("kept")
    ids = encode_prompt(tokenizer, QUESTION)
    assert (ids[0], ids.count(tokenizer.bos_token_id)) == (tokenizer.bos_token_id, 1)


def test_a_model_with_a_system_role_gets_the_system_prompt_there(qwen3_tokenizer, llamas):
    assert prompt_messages(qwen3_tokenizer, QUESTION) == build_messages(QUESTION)
    assert prompt_messages(llamas("kept"), QUESTION) == build_messages(QUESTION)


@pytest.mark.parametrize("system_role", ["raises", "dropped"])
def test_a_model_without_a_system_role_gets_the_system_prompt_in_the_user_turn(llamas, system_role):
    user = f"{SYSTEM_PROMPT}\n\n{render_user(QUESTION)}"
    tokenizer = llamas(system_role)
    assert prompt_messages(tokenizer, QUESTION) == [{"role": "user", "content": user}]
    assert render_prompt(tokenizer, QUESTION) == f"<s>[INST] {user} [/INST]"


def test_the_answer_is_the_json_and_the_end_of_the_turn(any_model):
    tokenizer = AutoTokenizer.from_pretrained(any_model)
    *answer, end = encode_answer(tokenizer, QUESTION)
    assert tokenizer.decode(answer) == build_target(QUESTION)
    assert tokenizer.convert_ids_to_tokens(end) == tokenizer.eos_token


def test_the_turn_ends_where_the_template_says_even_if_the_tokenizer_ends_elsewhere(qwen3):
    # As in Qwen3's base models, whose end of text is another token.
    tokenizer = AutoTokenizer.from_pretrained(qwen3, eos_token="<|endoftext|>")
    assert tokenizer.convert_ids_to_tokens(end_of_turn_id(tokenizer)) == "<|im_end|>"
    stops = stop_token_ids(AutoModelForCausalLM.from_pretrained(qwen3), tokenizer)
    assert sorted(tokenizer.convert_ids_to_tokens(stops)) == ["<|endoftext|>", "<|im_end|>"]


def test_a_template_without_an_end_of_turn_ends_with_the_end_of_sequence(llamas):
    tokenizer = llamas("kept")
    tokenizer.chat_template = tokenizer.chat_template.replace(" + eos_token", "")
    assert end_of_turn_id(tokenizer) == tokenizer.eos_token_id
    tokenizer.eos_token = None
    with pytest.raises(BadInput, match="no token that ends an answer"):
        end_of_turn_id(tokenizer)


def test_the_stop_tokens_hold_those_that_the_model_names(qwen3, qwen3_tokenizer):
    model = AutoModelForCausalLM.from_pretrained(qwen3)
    end = qwen3_tokenizer.eos_token_id
    model.generation_config.eos_token_id = 7
    assert stop_token_ids(model, qwen3_tokenizer) == [7, end]
    model.generation_config.eos_token_id = [9, 8]
    assert stop_token_ids(model, qwen3_tokenizer) == [8, 9, end]
