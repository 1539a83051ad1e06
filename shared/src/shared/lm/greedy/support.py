"""Which models the lanes can serve; the others answer by transformers' own `generate`."""

from typing import Any

from peft import PeftModel

# Tried here. In them nothing but the keys and values of full attention carries over from token to token.
MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3")
# With the other types a row's frequencies depend on the longest row beside it.
ROPE_TYPES = ("default", "linear", "llama3", "yarn")


def can_serve(model: Any) -> bool:
    """Return whether a model, bare or with an adapter, can answer in lanes; its configuration decides."""
    if isinstance(model, PeftModel) and model.active_peft_config.is_prompt_learning:
        return False
    config = model.config
    return (
        config.model_type in MODEL_TYPES
        and getattr(config, "sliding_window", None) is None
        and set(getattr(config, "layer_types", None) or ()) <= {"full_attention"}
        and config.rope_parameters["rope_type"] in ROPE_TYPES
        # The implementation that takes a mask of true and false with a dimension for the heads.
        and config._attn_implementation == "sdpa"
    )


def bare_model(model: Any) -> Any:
    """Return the model without the wrapper around it; an adapter's layers stay in it."""
    return model.get_base_model() if isinstance(model, PeftModel) else model
