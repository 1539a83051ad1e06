"""The shape of a decoder of the Llama and Qwen families, read from its config.json, and what it counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.errors import BadInput

ATTENTION_LAYERS = ("q_proj", "k_proj", "v_proj", "o_proj")
MLP_LAYERS = ("gate_proj", "up_proj", "down_proj")
# Of Qwen2 the three input projections of the attention have biases, whatever its configuration says.
ALWAYS_BIASED = {"qwen2": ("q_proj", "k_proj", "v_proj")}
MODEL_TYPES = ("llama", "mistral", "qwen2", "qwen3")


@dataclass(frozen=True)
class Linear:
    """A linear layer: `outputs` × `inputs` weights."""

    inputs: int
    outputs: int
    biased: bool

    @property
    def parameters(self) -> int:
        """How many numbers it holds."""
        return self.outputs * (self.inputs + self.biased)


@dataclass(frozen=True)
class ModelShape:
    """A decoder's sizes, named as in its config.json.

    Attributes:
        biased: which of a layer's linear layers have a bias.
        qk_norm: whether queries and keys are normalised per head, as Qwen3's are.
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    tie_word_embeddings: bool
    biased: tuple[str, ...] = ()
    qk_norm: bool = False

    @property
    def query_size(self) -> int:
        """Width of the queries of all heads."""
        return self.num_attention_heads * self.head_dim

    @property
    def key_size(self) -> int:
        """Width of the keys, and of the values, of all heads."""
        return self.num_key_value_heads * self.head_dim

    def linears(self) -> dict[str, Linear]:
        """Return the linear layers of one decoder layer, in the order in which they compute."""
        hidden, inner = self.hidden_size, self.intermediate_size
        sizes = {
            "q_proj": (hidden, self.query_size),
            "k_proj": (hidden, self.key_size),
            "v_proj": (hidden, self.key_size),
            "o_proj": (self.query_size, hidden),
            "gate_proj": (hidden, inner),
            "up_proj": (hidden, inner),
            "down_proj": (inner, hidden),
        }
        return {name: Linear(*size, name in self.biased) for name, size in sizes.items()}


def shape_from_config(config: Mapping[str, Any]) -> ModelShape:
    """Read the shape of a model from the content of its config.json.

    Raises:
        BadInput: the model is of a kind that is not counted here, or a size is missing.
    """
    kind = config.get("model_type")
    if kind not in MODEL_TYPES:
        raise BadInput(
            f"There is no estimate for models of type {kind}. It is there for: {', '.join(MODEL_TYPES)}."
        )
    try:
        return _read_shape(str(kind), config)
    except KeyError as error:
        raise BadInput(f"The model's config.json has no {error.args[0]}. Complete it.") from error


def count_parameters(shape: ModelShape) -> int:
    """Return how many parameters the model has; tied embeddings count once."""
    embeddings = shape.vocab_size * shape.hidden_size
    tables = embeddings if shape.tie_word_embeddings else 2 * embeddings
    norms = 2 * shape.hidden_size + (2 * shape.head_dim if shape.qk_norm else 0)
    linears = sum(linear.parameters for linear in shape.linears().values())
    return tables + shape.num_hidden_layers * (linears + norms) + shape.hidden_size


def _read_shape(kind: str, config: Mapping[str, Any]) -> ModelShape:
    heads, hidden = int(config["num_attention_heads"]), int(config["hidden_size"])
    return ModelShape(
        vocab_size=int(config["vocab_size"]),
        hidden_size=hidden,
        intermediate_size=int(config["intermediate_size"]),
        num_hidden_layers=int(config["num_hidden_layers"]),
        num_attention_heads=heads,
        num_key_value_heads=int(config.get("num_key_value_heads") or heads),
        head_dim=int(config.get("head_dim") or hidden // heads),
        tie_word_embeddings=bool(config.get("tie_word_embeddings", False)),
        biased=_biased_layers(kind, config),
        qk_norm=kind == "qwen3",
    )


def _biased_layers(kind: str, config: Mapping[str, Any]) -> tuple[str, ...]:
    if kind in ALWAYS_BIASED:
        return ALWAYS_BIASED[kind]
    attention = ATTENTION_LAYERS if config.get("attention_bias") else ()
    return attention + (MLP_LAYERS if config.get("mlp_bias") else ())
