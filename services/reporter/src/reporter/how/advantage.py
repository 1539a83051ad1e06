"""How a completion is compared with its group: the advantage (Shao et al., 2024, arXiv:2402.03300)."""

import math

from reporter.how.document import Block, Equation, Explanation, Table, Text, equation
from reporter.how.formula import Formula, Fraction, Indexed, Root, Sum, formula, row
from reporter.how.groups import Group, first_group_with_a_spread
from reporter.how.wording import decimal, fixed, integer, shorten, signed
from reporter.inputs import RunData
from shared.question import LETTERS, Question

REWARD, ADVANTAGE = Indexed("R", "i"), Indexed("Â", "i")
VERDICTS = {
    True: "They are those that the training recorded.",
    False: "They are not those that the training recorded: something here is not as it says.",
    None: "The training recorded none to compare with.",
}


def explain_advantage(run: RunData) -> Explanation | None:
    """Work the advantages of a real group through: the first in which not all earned the same."""
    if not run.rollouts:
        return None
    phase = run.manifest.phases["grpo"]
    group = first_group_with_a_spread(run.rollouts, phase.config, phase.metrics)
    blocks = [Text(NO_GROUP)] if group is None else _work_through(run, group)
    return Explanation(
        "advantage", "GRPO: the advantage, worked through", [Text(INTRODUCTION), *blocks, *_silent(run)]
    )


INTRODUCTION = (
    "GRPO needs no model that predicts rewards: it samples several completions of one prompt and compares "
    "them with each other. What a completion earned above the mean of its group is its advantage. Above "
    "zero its tokens become more probable, below zero less. Where all earned the same, every advantage is "
    "0, and the group teaches nothing."
)
NO_GROUP = "No group that this run kept can be worked through: its completions earned the same, or were not all kept."


def _work_through(run: RunData, group: Group) -> list[Block]:
    first, count = group.rollouts[0], len(group.rollouts)
    where = (
        f"The first group of this run with a spread, at step {integer(first.step)}, has {count} completions."
    )
    return [
        Text(f"{where}{_quote(run.questions.get(first.row_id))}"),
        _calculation(group),
        _table(group),
        Text(f"{VERDICTS[group.agrees]}{_explain_scale(group)}"),
    ]


def _quote(question: Question | None) -> str:
    if question is None:
        return ""
    right = question.options[LETTERS.index(question.letter)]
    return f" The question: “{question.question}” The right answer: {question.letter}) {right}."


def _calculation(group: Group) -> Equation:
    count = len(group.rollouts)
    rewards = " + ".join(decimal(rollout.reward) for rollout in group.rollouts)
    mean = formula(
        "μ =",
        Fraction("1", "G"),
        Sum("i"),
        REWARD,
        "=",
        Fraction(rewards, str(count)),
        f"= {fixed(group.mean)}",
    )
    if group.deviation is None:
        return equation(mean, formula(ADVANTAGE, "=", REWARD, "− μ"))
    own = [_deviation_formula(group)] if group.scale == "group" else []
    scaled = formula(
        ADVANTAGE, "=", Fraction(row(REWARD, "− μ"), "σ + ε"), ",",
        f"σ = {fixed(group.deviation)} , ε = {decimal(group.epsilon)}",
    )  # fmt: skip
    return equation(mean, *own, scaled)


def _deviation_formula(group: Group) -> Formula:
    squares = sum(difference**2 for difference in group.differences)
    spread = Indexed(row("(", REWARD, "− μ )"), exponent="2")
    general = Root(row(Fraction("1", "G − 1"), Sum("i"), spread))
    here = Root(Fraction(fixed(squares), str(len(group.rollouts) - 1)))
    return formula("σ =", general, "=", here, f"= {fixed(math.sqrt(squares / (len(group.rollouts) - 1)))}")


def _table(group: Group) -> Table:
    rows = [
        (
            shorten(rollout.completion),
            ", ".join(f"{name} {decimal(value)}" for name, value in rollout.rewards.items()),
            decimal(rollout.reward),
            signed(difference),
            signed(advantage),
            "—" if rollout.advantage is None else signed(rollout.advantage),
        )
        for rollout, difference, advantage in zip(
            group.rollouts, group.differences, group.advantages, strict=True
        )
    ]
    return Table(("Completion", "rewards", "R", "R − μ", "Â", "Â as recorded"), rows, words=2)


def _explain_scale(group: Group) -> str:
    if group.deviation is None:
        return " This run does not divide by a standard deviation (scale_rewards = none; Dr. GRPO, arXiv:2503.20783)."
    if group.scale == "group":
        return ""
    whose = " σ is that of all completions of the step (scale_rewards = batch)"
    return (
        f"{whose}."
        if group.is_kept_whole
        else f"{whose}; the run kept too few of them, so σ here is worked out from the recorded advantages."
    )


def _silent(run: RunData) -> list[Text]:
    shares = [row["frac_reward_zero_std"] for row in run.grpo_curve if "frac_reward_zero_std" in row]
    if not shares:
        return []
    share = sum(shares) / len(shares)
    return [Text(f"Over the whole training {share:.1%} of the groups had no spread, and taught nothing.")]
