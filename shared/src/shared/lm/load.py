"""Tokenizers and models from the Hub, by pinned reference. Safetensors only, and never code from a repo."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from shared.errors import BadInput, GuardTripped
from shared.hub import Hub
from shared.lm.adapters import (
    ADAPTER_CONFIG,
    adapter_base,
    cast_weights,
    is_adapter_folder,
    merge_adapter,
    weight_fingerprint,
)
from shared.lm.precision import pick_device, resolve_precision
from shared.refs import RepoRef
from shared.training import Precision

MODEL_FILES = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt"]


def download_model(hub: Hub, ref: RepoRef) -> Path:
    """Download what is needed of a model repo and return the folder."""
    return hub.snapshot(ref, allow_patterns=MODEL_FILES)


def load_tokenizer(hub: Hub, ref: RepoRef) -> PreTrainedTokenizerBase:
    """Load the tokenizer of a chat model.

    Raises:
        BadInput: the repo has no tokenizer, or one without a chat template.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(download_model(hub, ref), trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise BadInput(f"No tokenizer can be loaded from {ref}: {_first_line(error)}") from error
    if not tokenizer.chat_template:
        raise BadInput(
            f"{ref} has no chat template. Use an instruction-tuned model, or add chat_template.jinja."
        )
    loaded: PreTrainedTokenizerBase = tokenizer
    return loaded


@dataclass(frozen=True)
class Loaded:
    """A model, and the fingerprint of its weights in the number format in which they are stored."""

    model: PreTrainedModel
    fingerprint: str


def load_model(
    hub: Hub, ref: RepoRef, precision: Precision = "auto", base: RepoRef | None = None
) -> PreTrainedModel:
    """Load a model onto this machine's device, in the number format to compute in.

    Args and errors are those of `load_stored`.
    """
    return load_parent(hub, ref, precision, base).model


def load_parent(hub: Hub, ref: RepoRef, precision: Precision = "auto", base: RepoRef | None = None) -> Loaded:
    """Load a model as `load_model` does, and keep the fingerprint of what is stored.

    Args and errors are those of `load_stored`.
    """
    dtype = resolve_precision(precision)
    stored = load_proven(hub, ref, base)
    model: Any = cast_weights(stored.model, dtype)
    return Loaded(model.to(pick_device()), stored.fingerprint)


def load_stored(hub: Hub, ref: RepoRef, base: RepoRef | None = None) -> PreTrainedModel:
    """Load a model as it is stored; a repo that holds only an adapter is merged onto its base.

    Args:
        hub: where the repo is.
        ref: the model or adapter repo.
        base: for an adapter, the base that is recorded for it, if one is.

    Raises:
        BadInput: the repo has no safetensors weights.
        GuardTripped: the weights are not those that `ref` records, or an adapter names another base than the
            recorded one.
    """
    return load_proven(hub, ref, base).model


def load_proven(hub: Hub, ref: RepoRef, base: RepoRef | None = None) -> Loaded:
    """Load a model as `load_stored` does, with its fingerprint, which is the one that `ref` records if it does.

    Args and errors are those of `load_stored`.
    """
    folder = download_model(hub, ref)
    if is_adapter_folder(folder):
        model = merge_adapter(load_stored(hub, _resolve_base(hub, ref, folder, base)), folder)
    else:
        model = load_folder(folder, ref)
    # Before any change of number format, after which the same weights hash to something else.
    fingerprint = weight_fingerprint(model)
    if ref.fingerprint not in (None, fingerprint):
        raise GuardTripped(
            f"{ref} is not the model that the run recorded: its weights are {fingerprint}, not {ref.fingerprint}. "
            "Make it again, with FORCE=1."
        )
    return Loaded(model, fingerprint)


def load_folder(folder: Path, ref: RepoRef) -> PreTrainedModel:
    """Load a full model from the folder into which `ref` was downloaded.

    Raises:
        BadInput: there are no safetensors weights in it, not all that the model has, or an adapter beside them.
    """
    if not any(folder.glob("*.safetensors")):
        raise BadInput(f"{ref} holds no safetensors weights. Convert them: pickled weights are never loaded.")
    if (folder / ADAPTER_CONFIG).exists():
        # Instead of the weights, transformers would load the base that the adapter names.
        raise BadInput(f"{ref} holds a model and an adapter. Push them to two repos.")
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype="auto",
            use_safetensors=True,
            trust_remote_code=False,
            # Refused below, with the missing ones and by name.
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except (OSError, ValueError) as error:
        raise BadInput(f"{ref} can not be loaded as a causal language model: {_first_line(error)}") from error
    model: PreTrainedModel = loaded[0]
    _require_all_weights(ref, found=loaded[1])
    return model


def _require_all_weights(ref: RepoRef, found: Mapping[str, Any]) -> None:
    """Refuse a model of which transformers would draw weights at random, with no more than a warning."""
    lacking = sorted({*found["missing_keys"], *(name for name, *_ in found["mismatched_keys"])})
    if lacking:
        more = f" and {len(lacking) - 1} more weights" if len(lacking) > 1 else ""
        raise BadInput(
            f"{ref} lacks {lacking[0]}{more}, or has them in other shapes than its config.json says. "
            "Use a complete copy of the model."
        )


def _resolve_base(hub: Hub, ref: RepoRef, folder: Path, recorded: RepoRef | None) -> RepoRef:
    """Return the base to merge an adapter onto; one that names no revision says nothing about it."""
    repo_id, revision = adapter_base(folder)
    if recorded is None:
        return hub.resolve(repo_id, "model", revision)
    if repo_id == recorded.repo_id and revision in (None, recorded.commit):
        return recorded
    raise GuardTripped(
        f"The adapter {ref} belongs to {repo_id}@{revision or 'main'}, but the run says {recorded}. "
        "Train it again, or push the merged model."
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
