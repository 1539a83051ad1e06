"""A question as the token ids that a model reads, in the model's own chat template and with thinking off.

SFT, GRPO and evaluation all render through here. With Qwen3's template the difference is the whole run: a model that
was taught behind one prompt and is asked behind another opens with `<think>`, and no answer of it parses.
"""

from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from shared.errors import BadInput
from shared.prompts import (
    SYSTEM_PROMPT,
    TARGET_CONFIDENCE,
    Message,
    build_messages,
    build_target,
    render_user,
)
from shared.question import Question

CHAT_TEMPLATE_KWARGS: dict[str, Any] = {"enable_thinking": False}
PROBE = "The answer is 42"


def prompt_messages(tokenizer: PreTrainedTokenizerBase, question: Question) -> list[Message]:
    """Return the system and the user message, or one user message that holds both.

    The latter where the model's template has no system role: some raise on it, some drop it without a word.
    """
    messages = build_messages(question)
    if _keeps_system_prompt(tokenizer, messages):
        return messages
    return [{"role": "user", "content": f"{SYSTEM_PROMPT}\n\n{render_user(question)}"}]


def encode_prompt(tokenizer: PreTrainedTokenizerBase, question: Question) -> list[int]:
    """Return the ids of the prompt, up to where the answer begins."""
    encoded: Any = tokenizer.apply_chat_template(
        prompt_messages(tokenizer, question),
        add_generation_prompt=True,
        return_dict=True,
        **CHAT_TEMPLATE_KWARGS,
    )
    return list(encoded["input_ids"])


def render_prompt(tokenizer: PreTrainedTokenizerBase, question: Question) -> str:
    """Return the prompt as the text that `encode_prompt` encodes."""
    return _render(tokenizer, prompt_messages(tokenizer, question), add_generation_prompt=True)


def encode_answer(
    tokenizer: PreTrainedTokenizerBase, question: Question, confidence: float = TARGET_CONFIDENCE
) -> list[int]:
    """Return the ids of the answer to teach: the JSON and the token that ends the turn, nothing else.

    It is encoded apart from the prompt, because a model continues the prompt's tokens as they are: text that would
    merge across the border is never seen when it answers. What a template puts after the end of the turn (Qwen3's has
    a line break) is not taught: generation has stopped by then.
    """
    return [
        *tokenizer.encode(build_target(question, confidence), add_special_tokens=False),
        end_of_turn_id(tokenizer),
    ]


def end_of_turn_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the token with which the template ends an assistant's turn, else the tokenizer's end of sequence.

    Raises:
        BadInput: the tokenizer has neither.
    """
    turn: list[Message] = [{"role": "user", "content": "?"}, {"role": "assistant", "content": PROBE}]
    _, found, tail = _render(tokenizer, turn).rpartition(PROBE)
    markers = tokenizer.added_tokens_decoder
    for token_id in tokenizer.encode(tail, add_special_tokens=False) if found else ():
        if token_id in markers:
            return int(token_id)
    if tokenizer.eos_token_id is None:
        raise BadInput("The tokenizer has no token that ends an answer. Set its eos_token.")
    return int(tokenizer.eos_token_id)


def stop_token_ids(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return every token at which generation must stop: the turn's, the tokenizer's and the model's own."""
    configured = model.generation_config.eos_token_id
    own = configured if isinstance(configured, list) else [configured]
    return sorted({end_of_turn_id(tokenizer), tokenizer.eos_token_id, *own} - {None})


def _keeps_system_prompt(tokenizer: PreTrainedTokenizerBase, messages: list[Message]) -> bool:
    try:
        return SYSTEM_PROMPT in _render(tokenizer, messages)
    except TemplateError:
        return False


def _render(
    tokenizer: PreTrainedTokenizerBase, messages: list[Message], add_generation_prompt: bool = False
) -> str:
    return str(
        tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=add_generation_prompt, **CHAT_TEMPLATE_KWARGS
        )
    )
