"""Sizes of models that are known by name, from their published config.json: an estimate for them asks no Hub."""

from shared.estimate.model import ModelShape


def _qwen3(hidden: int, inner: int, layers: int, heads: int) -> ModelShape:
    return ModelShape(
        vocab_size=151_936,
        hidden_size=hidden,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=8,
        head_dim=128,
        tie_word_embeddings=True,
        qk_norm=True,
    )


KNOWN_MODELS = {
    "Qwen/Qwen3-0.6B": _qwen3(1024, 3072, 28, 16),
    "Qwen/Qwen3-1.7B": _qwen3(2048, 6144, 28, 16),
    "Qwen/Qwen3-4B": _qwen3(2560, 9728, 36, 32),
    "starter/qwen3-mini": ModelShape(
        vocab_size=3097,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=32,
        tie_word_embeddings=True,
        qk_norm=True,
    ),
}
