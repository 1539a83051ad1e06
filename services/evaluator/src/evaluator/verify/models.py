"""Every model has the weights that were recorded of it, and is its parent with its adapter merged in."""

import math
from functools import partial

import torch

from evaluator.chain import PARENTS
from evaluator.verify.checklist import Checklist, NotRecorded
from shared.errors import GuardTripped
from shared.hub import Hub
from shared.lm.adapters import adapter_base, merge_adapter, weight_fingerprint
from shared.lm.load import download_model, load_proven, load_stored
from shared.manifest import Phase, RunManifest
from shared.refs import RepoRef

# Where another processor merges, the sum may differ in the last bits of the number format.
ROUNDING_STEPS = 4


def check_models(checklist: Checklist, hub: Hub, manifest: RunManifest) -> None:
    """Check base, sft and grpo, as far as they are trained."""
    models = find_models(manifest)
    for name, ref in models.items():
        parent = models.get(PARENTS[name] or "")
        prove = partial(_compare_weights, hub, ref, parent)
        checklist.check(f"{name} model", "weights", prove, on=ref, needs=[ref])
        if parent is not None:
            _check_training(checklist, hub, manifest.phases[name], name, parent)


def find_models(manifest: RunManifest) -> dict[str, RepoRef]:
    """Return the models that the run has, each after its parent, with the fingerprint that is recorded, if one is."""
    base, found = manifest.source.base_model, manifest.phases["sft"].metrics.get("parent_fingerprint")
    # A run does not make its base: the first training records which weights it found.
    models = {"base": base.model_copy(update={"fingerprint": base.fingerprint or found})}
    for name, parent in PARENTS.items():
        if parent in models and manifest.phases[name].status == "succeeded":
            models[name] = manifest.phases[name].outputs["model"]
    return models


def _check_training(checklist: Checklist, hub: Hub, phase: Phase, name: str, parent: RepoRef) -> None:
    model, adapter = phase.outputs["model"], phase.outputs.get("adapter")
    checklist.check(f"{name} model", "parent", partial(_compare_parent, phase, parent))
    if adapter is None:
        return
    checklist.check(
        f"{name} adapter", "base", partial(_compare_base, hub, adapter, parent), on=adapter, needs=[adapter]
    )
    checklist.check(
        f"{name} model",
        "is its parent and its adapter",
        partial(_compare_merge, hub, model, adapter, parent),
        needs=[model, adapter, parent],
    )


def _compare_weights(hub: Hub, ref: RepoRef, parent: RepoRef | None) -> str:
    fingerprint = load_proven(hub, ref, parent).fingerprint
    if ref.fingerprint is None:
        raise NotRecorded(f"a fingerprint of {ref}; its weights are {fingerprint}")
    return fingerprint


def _compare_parent(phase: Phase, parent: RepoRef) -> str:
    began_with = phase.metrics.get("parent_fingerprint")
    if began_with is None:
        raise NotRecorded("the weights that the training began with")
    if began_with != parent.fingerprint:
        raise GuardTripped(
            f"The training began with weights {began_with}, but {parent} has {parent.fingerprint}."
        )
    return f"began with {parent}"


def _compare_base(hub: Hub, adapter: RepoRef, parent: RepoRef) -> str:
    repo_id, revision = adapter_base(download_model(hub, adapter))
    if (repo_id, revision) != (parent.repo_id, parent.commit):
        raise GuardTripped(f"{adapter} names the base {repo_id}@{revision}, but the run records {parent}.")
    return str(parent)


def _compare_merge(hub: Hub, model: RepoRef, adapter: RepoRef, parent: RepoRef) -> str:
    merged = merge_adapter(load_stored(hub, parent), download_model(hub, adapter))
    fingerprint = weight_fingerprint(merged)
    if fingerprint == model.fingerprint:
        return "bit for bit"
    steps = count_rounding_steps(load_stored(hub, model), merged)
    if not steps <= ROUNDING_STEPS:
        raise GuardTripped(
            f"{adapter} merged onto {parent} has weights {fingerprint}, not {model.fingerprint} of {model}."
        )
    return f"but for rounding on another processor ({steps:.1f} steps of {merged.dtype})"


def count_rounding_steps(model: torch.nn.Module, other: torch.nn.Module) -> float:
    """Return the largest difference of two weights, in rounding steps at the size of their tensor's largest.

    Infinite where the models do not have the same weights in the same shapes and number formats, or one is NaN.
    """
    weights, others = dict(model.named_parameters()), dict(other.named_parameters())
    if weights.keys() != others.keys():
        return math.inf
    steps = [_count_steps(weights[name].detach(), others[name].detach()) for name in weights]
    # `max` alone would pass over a NaN.
    return math.inf if any(map(math.isnan, steps)) else max(steps, default=0.0)


def _count_steps(expected: torch.Tensor, found: torch.Tensor) -> float:
    if expected.shape != found.shape or expected.dtype != found.dtype:
        return math.inf
    if torch.equal(expected, found):
        return 0.0
    size = expected.abs().max().float() * torch.finfo(found.dtype).eps
    return ((expected.float() - found.float()).abs().max() / size).item()
