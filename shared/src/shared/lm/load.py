"""Tokenizers and models from the Hub, by pinned reference. Safetensors only, and never code from a repo."""

from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from shared.errors import BadInput
from shared.hub import Hub
from shared.lm.adapters import adapter_base, is_adapter_folder, merge_adapter
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


def load_model(
    hub: Hub, ref: RepoRef, precision: Precision = "auto", base: RepoRef | None = None
) -> PreTrainedModel:
    """Load a model onto this machine's device, in the number format to compute in.

    Args and errors are those of `load_stored`.
    """
    dtype = resolve_precision(precision)
    model: Any = load_stored(hub, ref, base)
    placed: PreTrainedModel = model.to(pick_device(), dtype)
    return placed


def load_stored(hub: Hub, ref: RepoRef, base: RepoRef | None = None) -> PreTrainedModel:
    """Load a model as it is stored; a repo that holds only an adapter is merged onto its base.

    Args:
        hub: where the repo is.
        ref: the model or adapter repo.
        base: for an adapter, the base that is recorded for it, if one is.

    Raises:
        BadInput: the repo has no safetensors weights, or its adapter belongs to another base than the recorded one.
    """
    folder = download_model(hub, ref)
    if is_adapter_folder(folder):
        return merge_adapter(load_stored(hub, _resolve_base(hub, ref, folder, base)), folder)
    if not any(folder.glob("*.safetensors")):
        raise BadInput(f"{ref} holds no safetensors weights. Convert them: pickled weights are never loaded.")
    try:
        model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
            folder, dtype="auto", use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise BadInput(f"{ref} can not be loaded as a causal language model: {_first_line(error)}") from error
    return model


def _resolve_base(hub: Hub, ref: RepoRef, folder: Path, recorded: RepoRef | None) -> RepoRef:
    repo_id, revision = adapter_base(folder)
    if recorded is None:
        return hub.resolve(repo_id, "model", revision)
    if repo_id != recorded.repo_id or (revision is not None and revision != recorded.commit):
        raise BadInput(
            f"The adapter {ref} belongs to {repo_id}@{revision or 'main'}, but the run says {recorded}. "
            "Train it again, or push the merged model."
        )
    return recorded


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
