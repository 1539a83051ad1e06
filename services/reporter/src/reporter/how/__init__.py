"""How it works, in a run's own numbers. A new explanation is a function and its entry in EXPLANATIONS."""

from collections.abc import Callable

from reporter.how.advantage import explain_advantage
from reporter.how.document import Explanation
from reporter.how.lora import explain_lora
from reporter.how.objective import explain_objective
from reporter.how.rewards import explain_rewards
from reporter.how.sft_loss import explain_sft_loss
from reporter.inputs import RunData

EXPLANATIONS: tuple[Callable[[RunData], Explanation | None], ...] = (
    explain_sft_loss,
    explain_lora,
    explain_rewards,
    explain_advantage,
    explain_objective,
)


def explain(run: RunData) -> list[Explanation]:
    """Return what can be explained by numbers of the run; what it has not come to yet is left out."""
    explanations = (write(run) for write in EXPLANATIONS)
    return [explanation for explanation in explanations if explanation is not None]
