"""A model as a folder that transformers loads by itself: weights, tokenizer, chat template, generation config."""

from pathlib import Path

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from shared.lm.chat import stop_token_ids


def save_merged(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a full model; generation with it stops where an answer ends, without being told."""
    model.generation_config.eos_token_id = stop_token_ids(model, tokenizer)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
