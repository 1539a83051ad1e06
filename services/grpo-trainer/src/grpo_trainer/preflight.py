"""A rehearsal before the training is paid for: can anything be learned from what this model says?

A few prompts are rendered, sampled, decoded and scored as the training will do it. No optimizer is involved, and the
training's random numbers are those that it would have had without.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from grpo_trainer.diagnosis import describe, has_preamble, quote_samples, share_of
from grpo_trainer.guard import SOLVED
from grpo_trainer.rollouts import weighted_totals
from grpo_trainer.settings import GrpoSettings
from shared.errors import GuardTripped
from shared.job import Job
from shared.lm.chat import encode_prompt
from shared.lm.generate import Completion, decoding
from shared.question import Question
from shared.rewards import REWARDS

# A model that is mostly right has few groups with different rewards: none in one lot of prompts may be chance.
MAX_LOTS = 4
PROGRESS_LINES = 4


@dataclass(frozen=True)
class Rehearsal:
    """Sampled completions, group after group, and what each earned."""

    settings: GrpoSettings
    completions: list[Completion]
    totals: torch.Tensor

    @property
    def texts(self) -> list[str]:
        """What was said."""
        return [completion.text for completion in self.completions]

    @property
    def clipped(self) -> int:
        """How many completions are cut at the length limit."""
        return sum(completion.cut_off for completion in self.completions)

    @property
    def preambles(self) -> int:
        """How many completions think or talk before the JSON."""
        return sum(map(has_preamble, self.texts))

    @property
    def spread_groups(self) -> int:
        """How many groups have different rewards: the gradient comes from these alone."""
        groups = self.totals.view(-1, self.settings.num_generations)
        return int((groups != groups[:, :1]).any(dim=1).sum())

    @property
    def mean_reward(self) -> float:
        """The mean over all completions."""
        return self.totals.mean().item()

    def join(self, other: "Rehearsal") -> "Rehearsal":
        """Return both as one."""
        totals = torch.cat([self.totals, other.totals])
        return Rehearsal(self.settings, self.completions + other.completions, totals)

    def measure(self) -> dict[str, float]:
        """Return the numbers to log and to record; shares are of 1."""
        count = len(self.completions)
        groups = count // self.settings.num_generations
        return {
            "prompts": groups,
            "completions": count,
            "mean_reward": self.mean_reward,
            "spread_share": self.spread_groups / groups,
            "clipped_share": self.clipped / count,
            "preamble_share": self.preambles / count,
        }


@dataclass(frozen=True)
class Fault:
    """Why nothing can be learned, and what to do about it; more prompts may show that it was chance."""

    finding: str
    remedy: str
    may_be_chance: bool = False

    def explain(self, rehearsal: Rehearsal) -> str:
        """Return the whole message, with samples on lines of their own."""
        prompts = len(rehearsal.completions) // rehearsal.settings.num_generations
        return (
            f"Preflight of {prompts} prompts: {self.finding}: {self.remedy}\n"
            f"Some of the completions:\n{quote_samples(rehearsal.texts)}"
        )


def check_rollouts(
    job: Job, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, questions: Sequence[Question]
) -> dict[str, float]:
    """Sample the first prompts as the training will, and return what was measured (empty if it is switched off).

    Args:
        job: its settings say how much is sampled, and how.
        model: the model that the training starts from, on its device.
        tokenizer: its tokenizer.
        questions: those that are trained on.

    Raises:
        GuardTripped: the training could not learn. The message has the cause, three completions and the remedy.
    """
    settings: GrpoSettings = job.settings
    if not settings.guard.preflight_prompts:
        return {}
    began = time.monotonic()
    with torch.random.fork_rng(devices=[model.device] if model.device.type == "cuda" else []):
        torch.manual_seed(job.seed)
        rehearsal = _rehearse_until_sure(job, model, tokenizer, questions)
    fault = find_fault(rehearsal)
    if fault:
        raise GuardTripped(fault.explain(rehearsal))
    measured = rehearsal.measure() | {"seconds": time.monotonic() - began}
    job.log(_summarise(measured, settings))
    return measured


def _rehearse_until_sure(
    job: Job, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, questions: Sequence[Question]
) -> Rehearsal:
    """Rehearse a lot of prompts, and more while what is found may be chance."""
    size = job.settings.guard.preflight_prompts
    rehearsal = _rehearse(job, model, tokenizer, questions[:size])
    for start in range(size, min(MAX_LOTS * size, len(questions)), size):
        fault = find_fault(rehearsal)
        if fault is None or not fault.may_be_chance:
            break
        rehearsal = rehearsal.join(_rehearse(job, model, tokenizer, questions[start : start + size]))
    return rehearsal


def _rehearse(
    job: Job, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, questions: Sequence[Question]
) -> Rehearsal:
    settings: GrpoSettings = job.settings
    prompts = [encode_prompt(tokenizer, question) for question in questions]
    repeated = [prompt for prompt in prompts for _ in range(settings.num_generations)]
    total = len(repeated)
    job.log(
        f"Preflight: sampling {len(prompts)} prompts × {settings.num_generations} completions "
        f"at temperature {settings.temperature:g}."
    )
    _refuse_broken_numbers(model, prompts[0])
    with decoding(model, tokenizer, settings.max_completion_length, settings.temperature) as decoder:
        completions = decoder.complete(
            repeated,
            # Never more at once than the training samples.
            batch_size=min(math.ceil(total / PROGRESS_LINES), settings.completions_per_step),
            report=lambda done: job.log(f"Preflight: {done} of {total} completions."),
            warn=job.log,
        )
    return Rehearsal(settings, completions, score(completions, questions, settings))


def score(
    completions: Sequence[Completion], questions: Sequence[Question], settings: GrpoSettings
) -> torch.Tensor:
    """Return what each completion earns, by the rewards and weights of the training."""
    columns: dict[str, Any] = {
        "completions": [completion.text for completion in completions],
        "ground_truth": [question.letter for question in questions for _ in range(settings.num_generations)],
    }
    rewards = {name: REWARDS[name](**columns) for name in settings.rewards}
    return weighted_totals(rewards, settings.weights)


@torch.no_grad()
def _refuse_broken_numbers(model: Any, prompt: list[int]) -> None:
    # Sampling from such numbers fails with an error that names neither cause nor remedy; on a GPU it ends the process.
    logits = model(torch.tensor([prompt], device=model.device)).logits[0, -1]
    if not bool(torch.isfinite(logits).all()):
        raise GuardTripped(
            f"Preflight: the model's scores for the next token are no finite numbers in {model.dtype}. "
            "Use precision fp32."
        )


def find_fault(rehearsal: Rehearsal) -> Fault | None:
    """Return why the training could not learn from such completions, if it could not."""
    return _find_unusable(rehearsal) or _find_no_spread(rehearsal)


def _find_unusable(rehearsal: Rehearsal) -> Fault | None:
    settings, count = rehearsal.settings, len(rehearsal.completions)
    guard, earned = settings.guard, f"mean reward {rehearsal.mean_reward:.3g}"
    if rehearsal.preambles > guard.max_preamble * count:
        return Fault(
            f"{share_of(rehearsal.preambles, count)} completions do not begin with the JSON ({earned}; "
            f"guard.max_preamble is {guard.max_preamble:g})",
            describe(rehearsal.texts),
        )
    if guard.max_clipped and rehearsal.clipped >= guard.max_clipped * count:
        return Fault(
            f"{share_of(rehearsal.clipped, count)} completions are cut at max_completion_length "
            f"{settings.max_completion_length} ({earned}; guard.max_clipped is {guard.max_clipped:g})",
            "Train SFT longer, until its answers end by themselves; or raise max_completion_length.",
        )
    if not bool(rehearsal.totals.any()):
        return Fault("every reward is 0", describe(rehearsal.texts))
    return None


def _find_no_spread(rehearsal: Rehearsal) -> Fault | None:
    settings = rehearsal.settings
    if rehearsal.spread_groups:
        return None
    if rehearsal.mean_reward >= SOLVED * settings.highest_reward:
        return Fault(
            f"every completion earns the highest reward, {settings.highest_reward:g}, so that nothing is left to learn",
            "Evaluate the SFT model as it is, or train on harder questions. "
            "If these are easy by chance, raise guard.preflight_prompts.",
            may_be_chance=True,
        )
    return Fault(
        f"all {settings.num_generations} completions of each prompt earn the same "
        f"(mean reward {rehearsal.mean_reward:.3g})",
        describe(rehearsal.texts),
        may_be_chance=True,
    )


def _summarise(measured: dict[str, float], settings: GrpoSettings) -> str:
    return (
        f"Preflight passed in {measured['seconds']:.0f} s: mean reward {measured['mean_reward']:.3g} of "
        f"{settings.highest_reward:g}, {measured['spread_share']:.0%} of the groups have different rewards, "
        f"{measured['clipped_share']:.0%} of the completions are cut, "
        f"{measured['preamble_share']:.0%} do not begin with the JSON."
    )
