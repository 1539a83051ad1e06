"""LoRA adapters: onto which layers, which base they belong to, merging, and a hash that proves a merge."""

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from peft.tuners.lora import LoraLayer
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from shared.errors import BadInput
from shared.refs import RepoRef
from shared.training import LoraSettings

ADAPTER_CONFIG = "adapter_config.json"


def build_lora_config(model: PreTrainedModel, settings: LoraSettings) -> LoraConfig:
    """Return PEFT's configuration of a new adapter.

    Raises:
        BadInput: a target module is not in the model, with those that are.
    """
    available = _linear_names(model)
    missing = [name for name in settings.target_modules if name not in available]
    if missing:
        raise BadInput(
            f"lora.target_modules names {missing[0]}, which this model does not have. "
            f"Choose from: {', '.join(sorted(available))}."
        )
    return LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=list(settings.target_modules),
        task_type="CAUSAL_LM",
    )


def adapted_shapes(model: PeftModel) -> dict[str, list[int]]:
    """Return what the adapter is on: module name → [outputs, inputs, layers]; a name has one shape in all layers."""
    adapted: list[tuple[str, Any]] = [
        (name, module) for name, module in model.named_modules() if isinstance(module, LoraLayer)
    ]
    shapes: dict[str, list[int]] = {}
    for name, module in adapted:
        last = name.rpartition(".")[2]
        shapes.setdefault(last, [module.out_features, module.in_features, 0])[2] += 1
    return shapes


def save_adapter(model: PeftModel, base: RepoRef, folder: Path) -> None:
    """Write the adapter with the base it belongs to, pinned, so that it can be loaded by its name alone.

    The same adapter gives the same files, also in another process.
    """
    config: Any = model.peft_config["default"]
    config.base_model_name_or_path, config.revision = base.repo_id, base.commit
    model.save_pretrained(str(folder), save_embedding_layers=False)
    _sort_modules(folder / ADAPTER_CONFIG)


def is_adapter_folder(folder: Path) -> bool:
    """Tell whether a downloaded model repo holds an adapter and no weights of its own."""
    return (folder / ADAPTER_CONFIG).exists() and not any(folder.glob("model*.safetensors"))


def adapter_base(folder: Path) -> tuple[str, str | None]:
    """Return the repo and the revision of the model that an adapter says it belongs to."""
    config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    return str(config["base_model_name_or_path"]), config.get("revision")


def merge_adapter(base: PreTrainedModel, adapter_folder: Path) -> PreTrainedModel:
    """Add an adapter to the weights of its base, which is used up, and return the result in the base's format.

    The sum is made in fp32: in half precision each product would be rounded before the sum is.

    Raises:
        BadInput: the adapter lacks weights of layers that it names.
    """
    stored = base.dtype
    merged: Any = _load_onto(cast_weights(base, torch.float32), adapter_folder).merge_and_unload()
    return cast_weights(merged, stored)


def cast_weights(model: PreTrainedModel, dtype: torch.dtype) -> PreTrainedModel:
    """Change the number format of the weights, and of nothing else.

    `model.to(dtype)` would round the rotary frequencies too, which a model loaded in that format has in fp32: it would
    place its tokens elsewhere than the model that it was made from, and than the one that others load.
    """
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype)
    return model


@torch.no_grad()
def weight_fingerprint(model: torch.nn.Module) -> str:
    """Hash all weights: names, number formats, shapes and bytes; tied weights count once.

    Equal for a model in memory and for the same model saved and loaded again in the same number format.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(model.named_parameters()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\0".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return f"sha256:{digest.hexdigest()}"


def _load_onto(base: PreTrainedModel, adapter_folder: Path) -> PeftModel:
    with warnings.catch_warnings():
        # PEFT does no more than warn, and leaves those layers as they are.
        warnings.filterwarnings("error", "Found missing adapter keys", UserWarning)
        try:
            return PeftModel.from_pretrained(base, str(adapter_folder))
        except UserWarning as error:
            repo_id, revision = adapter_base(adapter_folder)
            raise BadInput(
                f"The adapter on {repo_id}@{revision or 'main'} lacks weights of layers that it names. "
                "Use a complete copy of it."
            ) from error


def _sort_modules(path: Path) -> None:
    """Write the target modules in order: PEFT keeps a set, whose order changes from process to process."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")


def _linear_names(model: Any) -> set[str]:
    """Return the last part of every linear layer's name; the output layer can have no adapter."""
    head = model.get_output_embeddings()
    return {
        name.rpartition(".")[2]
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and module is not head
    }
