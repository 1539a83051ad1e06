"""Proof that what lies on the Hub is the model that was trained: it is downloaded again and asked the same."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from shared.errors import GuardTripped
from shared.hub import Hub
from shared.lm.adapters import cast_weights, weight_fingerprint
from shared.lm.chat import encode_prompt
from shared.lm.load import MODEL_FILES, load_folder
from shared.question import Question
from shared.refs import RepoRef

PROVEN_QUESTIONS = 4
# How far a merged model's logits may be from those of its base beside the adapter: root mean square of the difference
# over that of the logits, each about its mean. Measured on 28 layers: 1e-6, 0.003 and 0.02 of rounding alone.
TOLERANCES = {torch.float32: 2e-3, torch.float16: 0.03, torch.bfloat16: 0.15}


@dataclass(frozen=True)
class Probe:
    """A few questions, and the device and the number format in which every model is asked them."""

    questions: Sequence[Question]
    tokenizer: PreTrainedTokenizerBase
    device: torch.device
    dtype: torch.dtype

    @classmethod
    def like(
        cls, trained: PeftModel, tokenizer: PreTrainedTokenizerBase, questions: Sequence[Question]
    ) -> "Probe":
        """Return the probe that asks as a trained model computes."""
        model: Any = trained.get_base_model()
        weight = model.get_input_embeddings().weight
        return cls(questions[:PROVEN_QUESTIONS], tokenizer, weight.device, weight.dtype)

    def encode(self, tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
        """Return the prompts' token ids."""
        return [encode_prompt(tokenizer, question) for question in self.questions]

    @torch.no_grad()
    def ask(self, model: Any) -> torch.Tensor:
        """Return the logits of each answer's first token, in fp32 on the CPU."""
        training = model.training
        model.eval()
        prompts = [torch.tensor([ids], device=self.device) for ids in self.encode(self.tokenizer)]
        logits = [model(input_ids=ids, use_cache=False).logits[0, -1].float().cpu() for ids in prompts]
        model.train(training)
        return torch.stack(logits)

    def ask_stored(self, model: PreTrainedModel) -> torch.Tensor:
        """Ask a model as it is stored, which is placed and converted for it and used up."""
        placed: Any = cast_weights(model, self.dtype)
        placed.to(self.device)
        for parameter in placed.parameters():
            # A matrix product's last bits depend on where in memory its factors begin, which a loader does not align.
            parameter.data = parameter.data.clone()
        logits = self.ask(placed)
        placed.to("cpu")
        return logits


def prove_merge(probe: Probe, trained: PeftModel, merged: PreTrainedModel) -> torch.Tensor:
    """Compare a merged model with what was trained, and return its logits; both are used up.

    Raises:
        GuardTripped: it does not say what the trained model says, within what rounding explains.
    """
    # Accelerate wraps the outermost forward to compute in mixed precision: what is below is compared as it is.
    expected = probe.ask(trained.base_model)
    # There may be room for one of them only.
    trained.to("cpu")
    tolerance = max(TOLERANCES[dtype] for dtype in (merged.dtype, probe.dtype))
    logits = probe.ask_stored(merged)
    distance = measure_distance(logits, expected)
    # Written so that a distance that is not a number fails.
    if not distance <= tolerance:
        raise GuardTripped(
            f"The merged model does not say what was trained: its logits are off by {distance:.1%} of their size, "
            f"where rounding explains {tolerance:.1%}. Nothing is pushed; use precision fp32."
        )
    return logits


def prove_upload(
    hub: Hub, ref: RepoRef, fingerprint: str, probe: Probe, logits: torch.Tensor, workdir: Path
) -> None:
    """Download a model that was just pushed, past the cache, and compare it with the one in memory.

    Args:
        hub: where it lies.
        ref: the pushed commit.
        fingerprint: of the weights in memory, as stored.
        probe: how the model in memory was asked.
        logits: what it said.
        workdir: where the download lies for the time being.

    Raises:
        GuardTripped: weights, prompts or logits are not bit for bit the same.
    """
    with tempfile.TemporaryDirectory(dir=workdir, prefix="again-") as cache:
        folder = hub.snapshot(ref, MODEL_FILES, Path(cache))
        model = load_folder(folder, ref)
        _require(weight_fingerprint(model) == fingerprint, ref, "its weights")
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        _require(probe.encode(tokenizer) == probe.encode(probe.tokenizer), ref, "the prompts it reads")
        _require(torch.equal(probe.ask_stored(model), logits), ref, "its logits")


def measure_distance(logits: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the largest difference of a row from the expected one, as a share of that one's size.

    Size is the root mean square about the mean: a number added to all logits changes no probability.
    """
    difference, size = (_spread(rows) for rows in (logits - expected, expected))
    return (difference / size).max().item()


def _spread(rows: torch.Tensor) -> torch.Tensor:
    return (rows - rows.mean(-1, keepdim=True)).square().mean(-1).sqrt()


def _require(holds: bool, ref: RepoRef, what: str) -> None:
    if not holds:
        raise GuardTripped(
            f"{ref}, downloaded again, is not the model that was pushed: {what} differ. "
            "The upload is damaged, or another job pushed there; start the phase again."
        )
