"""What GRPO minimises, as TRL 1.16 computes it with this run's settings (`GRPOTrainer._compute_loss`)."""

from collections.abc import Mapping
from typing import Any

from reporter.how.document import Block, Explanation, Table, Text, equation
from reporter.how.formula import Formula, Fraction, Indexed, Sum, formula, row
from reporter.how.wording import decimal, integer
from reporter.inputs import Curve, RunData

TRL_DEFAULTS = {"loss_type": "dapo", "ratio_level": "token", "updates_per_batch": 1}
"""What every version of the trainer has used; newer runs record it."""
POLICY, OLD, REFERENCE = Indexed("π", "θ"), Indexed("π", "old"), Indexed("π", "ref")
RATIO, ADVANTAGE = Indexed("ρ", "i,t"), Indexed("Â", "i")
TOKEN = row("(", Indexed("o", "i,t"), "| q ,", Indexed("o", "i,<t"), ")")
RATIO_IS = formula(RATIO, "=", Fraction(row(POLICY, TOKEN), row(OLD, TOKEN)))
KL_IS = formula(
    Indexed("D", "i,t"), "=", Fraction(REFERENCE, POLICY), "− log", Fraction(REFERENCE, POLICY), "− 1"
)  # fmt: skip


def explain_objective(run: RunData) -> Explanation | None:
    """Explain the loss with this run's settings put in."""
    phase = run.manifest.phases["grpo"]
    config = phase.config
    if not config.get("clip_epsilon"):
        return None
    how = TRL_DEFAULTS | (phase.metrics.get("objective") or {})
    title = "GRPO: the objective"
    if how["loss_type"] != "dapo" or how["ratio_level"] != "token":
        other = f"TRL's loss {how['loss_type']}, with ratios by {how['ratio_level']}"
        return Explanation(
            "objective", title, [Text(f"This run used {other}, which is not worked out here.")]
        )
    beta = config.get("beta", 0)
    blocks: list[Block] = [
        Text(INTRODUCTION),
        equation(_loss(beta), RATIO_IS, *([KL_IS] if beta else [])),
        _settings(config, how, run.grpo_curve),
        Text(_explain_ratio(how["updates_per_batch"], run.grpo_curve)),
        Text(_explain_difference(beta)),
    ]
    return Explanation("objective", title, blocks)


INTRODUCTION = (
    "Every token of a completion is moved by its completion's advantage. The ratio ρ says how much more "
    "probable a token is now than when it was sampled; what goes beyond 1 ± ε counts no more, so that one "
    "batch cannot carry the model far (the clip of PPO, arXiv:1707.06347). The mean is over all N tokens "
    "of all completions of the step. Both probabilities are at the sampling temperature."
)


def _loss(beta: float) -> Formula:
    clipped = row("clip (", RATIO, ", 1 − ε , 1 + ε )", ADVANTAGE)
    token = row("min (", RATIO, ADVANTAGE, ",", clipped, ")")
    # Inside the brackets, since TRL adds the penalty to each token's loss.
    inner = row("[", token, "− β", Indexed("D", "i,t"), "]") if beta else token
    return formula("L(θ) = −", Fraction("1", "N"), Sum("i"), Sum("t"), inner)


def _settings(config: Mapping[str, Any], how: Mapping[str, Any], curve: Curve) -> Table:
    prompts, group = config.get("prompts_per_step"), config.get("num_generations")
    rows = [
        ("completions of a prompt, compared with each other", "G", group),
        ("prompts in a step", "", prompts),
        ("completions in a step", "", prompts * group if prompts and group else None),
        ("tokens of them all, on average over the logged steps", "N", _tokens(config, curve)),
        ("optimizer steps on a batch of completions", "", how["updates_per_batch"]),
        ("clip", "ε", config["clip_epsilon"]),
        ("weight of the KL divergence from the SFT model", "β", config.get("beta", 0)),
        ("sampling temperature", "T", config.get("temperature")),
        ("highest learning rate", "", config.get("learning_rate")),
        ("divisor of the advantages", "σ", config.get("scale_rewards", "group")),
    ]
    known = [(name, symbol, _write(value)) for name, symbol, value in rows if value is not None]
    return Table(("Setting of this run", "symbol", "value"), known, words=2)


def _write(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return integer(value) if isinstance(value, int) else decimal(value)


def _tokens(config: Mapping[str, Any], curve: Curve) -> int | None:
    lengths = [row["completions/mean_length"] for row in curve if "completions/mean_length" in row]
    prompts, group = config.get("prompts_per_step"), config.get("num_generations")
    if not (lengths and prompts and group):
        return None
    completions: int = prompts * group
    return round(completions * sum(lengths) / len(lengths))


def _explain_ratio(updates: int, curve: Curve) -> str:
    measured = _clipped([row["clip_ratio/region_mean"] for row in curve if "clip_ratio/region_mean" in row])
    if updates > 1:
        return f"This run takes {updates} steps on each batch, so that ρ leaves 1 after the first.{measured}"
    return (
        "This run takes one step on each batch of completions: the policy that sampled is the one that is "
        "trained, ρ is 1 where the gradient is taken, and the clip never binds. The loss is then −1/N "
        "times the sum of every token's advantage, and its gradient the plain policy gradient, the mean "
        f"over tokens of −Â ∇ log π.{measured}"
    )


def _clipped(shares: list[float]) -> str:
    if not shares:
        return ""
    most = (
        f"clipped at most {max(shares):.2%} of a logged step's tokens"
        if max(shares)
        else "clipped no token in any logged step"
    )
    return f" The training {most}."


def _explain_difference(beta: float) -> str:
    kl = (
        f"its KL term has the paper's estimator, with β = {decimal(beta)} for the paper's 0.04"
        if beta
        else "there is no KL term (the paper's β is 0.04), and so no reference model in memory"
    )
    return (
        "It differs from the paper (DeepSeekMath, arXiv:2402.03300, equation 3) in two ways: the paper "
        "averages over the tokens of each completion and then over completions, here every token of the "
        "step weighs the same, as in DAPO (arXiv:2503.14476), so that a long answer counts for more than a "
        f"short one; and {kl}."
    )
