"""What the GRPO trainer can be told."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationInfo, field_validator

from shared.rewards import REFERENCE_REWARDS, REWARDS
from shared.settings import service_config
from shared.training import Scheduler, TrainerSettings, require_divisor


class GrpoGuardSettings(BaseModel):
    """When the training is stopped because it cannot learn, or no longer does.

    The limits are far from what healthy trainings show: over windows of 10 points those of the demo had at most 0.75 of
    their groups without a spread, between 0.025 and 0.21 nats of entropy, and lost at most 8% of their best reward.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preflight_prompts: int = Field(
        default=8,
        ge=0,
        description="prompts whose completions are sampled and judged before the training; 0 skips it",
    )
    max_preamble: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of the preflight's completions that may think or talk before the JSON",
    )
    window: int = Field(
        default=10, ge=2, description="logged points over which a signal of the training is averaged"
    )
    max_zero_std: float = Field(
        default=0.99,
        ge=0,
        le=1,
        description="stop at this share of groups whose completions all earn the same; 0 never stops",
    )
    max_reward_drop: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="stop when the reward fell by this share of its best; 0 never stops",
    )
    min_entropy: float = Field(
        default=0.001, ge=0, description="stop at this entropy or less, nats a token; 0 never stops"
    )
    max_entropy: float = Field(
        default=3.0, ge=0, description="stop at this entropy or more, nats a token; 0 never stops"
    )
    max_kl: float = Field(
        default=5.0,
        ge=0,
        description="stop at this KL divergence from the SFT model, nats a token; measured if beta is set; "
        "0 never stops",
    )
    max_clipped: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="stop at this share of completions cut at max_completion_length, in the preflight too; "
        "0 never stops",
    )


class GrpoSettings(TrainerSettings):
    """How to train on rewards. The defaults are the reference run's, as it was meant.

    TRL counts completions, not prompts: its `per_device_train_batch_size` × `gradient_accumulation_steps` are the
    completions of one step, so 2 × 4 with 4 completions a prompt is 2 prompts a step. Here prompts are counted:
    a step samples `prompts_per_step` × `num_generations` completions at once and learns from them in forward passes of
    `micro_batch_size` completions (TRL's batch size; the accumulation follows).
    """

    model_config = service_config("GRPO_")

    max_steps: int = Field(default=400, ge=1, description="optimizer steps")
    learning_rate: float = Field(default=5e-6, gt=0, le=1, description="highest learning rate")
    lr_scheduler: Scheduler = Field(
        default="linear", description="how the learning rate falls after the warmup"
    )
    warmup_fraction: float = Field(
        default=0.0, ge=0, lt=1, description="share of the steps in which the learning rate rises from 0"
    )
    prompts_per_step: int = Field(default=8, ge=1, description="different prompts in one optimizer step")
    num_generations: int = Field(
        default=4,
        ge=2,
        description="completions sampled for each prompt, G; they are compared with each other",
    )
    micro_batch_size: int = Field(
        default=8, ge=1, validate_default=True, description="completions in one forward pass"
    )
    max_completion_length: int = Field(
        default=256, ge=1, description="tokens at which a completion is cut off"
    )
    temperature: float = Field(default=1.0, gt=0, le=10, description="sampling temperature")
    clip_epsilon: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="a token's probability ratio to the policy that sampled it counts up to 1 ± this",
    )
    beta: float = Field(
        default=0.0, ge=0, description="weight of the KL divergence from the SFT model; 0 leaves it out"
    )
    scale_rewards: Literal["group", "batch", "none"] = Field(
        default="group", description="whose standard deviation an advantage is divided by"
    )
    rewards: tuple[str, ...] = Field(
        default=REFERENCE_REWARDS, min_length=1, description=f"reward functions, of {', '.join(REWARDS)}"
    )
    reward_weights: tuple[FiniteFloat, ...] = Field(
        default=(), validate_default=True, description="one weight for each reward; empty means 1 for each"
    )
    rollout_groups: int = Field(
        default=2, ge=0, description="prompts whose completions are kept from each logged step"
    )
    guard: GrpoGuardSettings = Field(default=GrpoGuardSettings(), description="when the training is stopped")

    @property
    def completions_per_step(self) -> int:
        """How many completions one optimizer step samples."""
        return self.prompts_per_step * self.num_generations

    @property
    def weights(self) -> list[float]:
        """One weight for each reward."""
        return list(self.reward_weights or (1.0,) * len(self.rewards))

    @property
    def highest_reward(self) -> float:
        """What a completion earns that satisfies every reward."""
        return sum(weight for weight in self.weights if weight > 0)

    @field_validator("micro_batch_size")
    @classmethod
    def _divides_the_completions(cls, value: int, info: ValidationInfo) -> int:
        prompts, generations = info.data.get("prompts_per_step", 1), info.data.get("num_generations", value)
        whole_name = f"prompts_per_step {prompts} × num_generations {generations} ="
        return require_divisor("micro_batch_size", value, whole_name, prompts * generations)

    @field_validator("rewards")
    @classmethod
    def _are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in value if name not in REWARDS]
        if unknown:
            raise ValueError(f"there is no reward {unknown[0]}; choose from {', '.join(REWARDS)}")
        if len(set(value)) < len(value):
            raise ValueError("a reward is named twice; give it a weight instead")
        return value

    @field_validator("reward_weights")
    @classmethod
    def _one_for_each(cls, value: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        rewards = info.data.get("rewards", value)
        if value and len(value) != len(rewards):
            raise ValueError(f"{len(value)} weights for {len(rewards)} rewards; give one for each, or none")
        if value and max(value) <= 0:
            raise ValueError("no reward weighs more than 0, so that none can be earned")
        _require_guessing_pays(dict(zip(rewards, value or (1.0,) * len(rewards), strict=True)))
        return value


def _require_guessing_pays(weights: dict[str, float]) -> None:
    """Refuse weights by which a letter that is surely wrong, said with confidence 0, earns more than a guess.

    An answer that is right with probability p, and says so, earns accuracy · p + calibration · (1 − p (1 − p)) in the
    mean, which grows with p from 0 on only while calibration weighs no more than accuracy.
    """
    calibration, accuracy = weights.get("calibration", 0.0), weights.get("accuracy", 0.0)
    if calibration > max(accuracy, 0.0):
        raise ValueError(
            f"calibration weighs {calibration:g} and accuracy {accuracy:g}: an answer that is surely wrong, and "
            "says so, would earn more than a guess; let calibration weigh at most as much as accuracy"
        )
