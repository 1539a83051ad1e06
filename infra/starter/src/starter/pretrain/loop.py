"""The training loop: AdamW over the stages, loss on the learned tokens, each exercise weighing the same."""

import math
from collections.abc import Sequence

import torch
from torch.nn import functional
from transformers import Qwen3ForCausalLM

from starter.pretrain.encode import IGNORED, Batch

PEAK_LEARNING_RATE = 2e-3
WARMUP_STEPS = 200
FLOOR = 0.05


def learning_rate(step: int, steps: int) -> float:
    """Return the rate of a step: linear warm-up, then a cosine down to a floor."""
    if step < WARMUP_STEPS:
        return PEAK_LEARNING_RATE * (step + 1) / WARMUP_STEPS
    progress = (step - WARMUP_STEPS) / max(1, steps - WARMUP_STEPS)
    return PEAK_LEARNING_RATE * (FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * progress)) / 2)


def build_optimizer(model: Qwen3ForCausalLM) -> torch.optim.AdamW:
    """Return AdamW with decay on the matrices only."""
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    vectors = [weight for weight in model.parameters() if weight.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98))


def train_step(
    model: Qwen3ForCausalLM, optimizer: torch.optim.AdamW, batches: Sequence[Batch], rate: float
) -> float:
    """Take one optimizer step over the batches; return the mean loss of a row."""
    rows = sum(len(batch.input_ids) for batch in batches)
    total = 0.0
    for batch in batches:
        loss = row_losses(model, batch).sum() / rows
        loss.backward()
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.step()
    optimizer.zero_grad()
    return total


def row_losses(model: Qwen3ForCausalLM, batch: Batch) -> torch.Tensor:
    """Return the mean loss over the learned tokens of each row."""
    # Causal attention never looks at padding on the right, so no mask is needed.
    hidden = model.model(input_ids=batch.input_ids, use_cache=False).last_hidden_state[:, :-1]
    labels = batch.labels[:, 1:]
    learned = labels != IGNORED
    logits = model.lm_head(hidden[learned])
    losses = torch.zeros(labels.shape).masked_scatter(
        learned, functional.cross_entropy(logits, labels[learned], reduction="none")
    )
    return losses.sum(1) / learned.sum(1)
