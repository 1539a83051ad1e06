"""A small byte-level BPE with Qwen3's pre-tokenisation, special tokens and chat template."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import trl
from tokenizers import AddedToken
from transformers import Qwen2Tokenizer

VOCABULARY_SIZE = 3072
MAX_TOKENS = 4096
END_OF_TEXT, START_OF_TURN, END_OF_TURN = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SPECIAL = (
    *(END_OF_TEXT, START_OF_TURN, END_OF_TURN),
    *("<|object_ref_start|>", "<|object_ref_end|>", "<|box_start|>", "<|box_end|>"),
    *("<|quad_start|>", "<|quad_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>"),
    *("<|image_pad|>", "<|video_pad|>"),
)
# Qwen3 does not count these as special: `skip_special_tokens` leaves them in the text.
MARKERS = (
    *("<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>"),
    *("<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>"),
)


def train_tokenizer(texts: Iterable[str]) -> Qwen2Tokenizer:
    """Train the BPE on the texts; the same texts give the same tokenizer."""
    untrained: Any = Qwen2Tokenizer()
    trained = untrained.train_new_from_iterator([list(texts)], VOCABULARY_SIZE, show_progress=False)
    model = json.loads(trained.backend_tokenizer.to_str())["model"]
    merges: Any = [tuple(pair) for pair in model["merges"]]
    tokenizer = Qwen2Tokenizer(
        vocab=model["vocab"],
        merges=merges,
        eos_token=END_OF_TURN,
        pad_token=END_OF_TEXT,
        additional_special_tokens=list(SPECIAL),
        model_max_length=MAX_TOKENS,
    )
    tokenizer.add_tokens([AddedToken(marker, normalized=False) for marker in MARKERS])
    tokenizer.chat_template = qwen3_chat_template()
    return tokenizer


def qwen3_chat_template() -> str:
    """Return Qwen3's own chat template, of which TRL carries a copy."""
    return (Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja").read_text("utf-8")
