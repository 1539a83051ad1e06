"""What SFT minimises: the cross-entropy of the answer's tokens."""

import math
from statistics import fmean

from reporter.how.document import Block, Explanation, Table, Text, equation
from reporter.how.formula import Fraction, Indexed, Sum, formula, row
from reporter.how.wording import decimal, integer
from reporter.inputs import RunData

WINDOW = 10
LOSS = formula(
    "L(θ) = −", Fraction("1", "N"), Sum("t"), "log", row(Indexed("p", "θ"), "(", Indexed("y", "t"), "|"),
    row("x ,", Indexed("y", "<t"), ")"),
)  # fmt: skip


def explain_sft_loss(run: RunData) -> Explanation | None:
    """Explain the loss by the first and the last that this run logged."""
    logged = [(int(row["step"]), row["loss"]) for row in run.sft_curve if {"step", "loss"} <= row.keys()]
    finite = [(step, loss) for step, loss in logged if math.isfinite(loss)]
    if not finite:
        return None
    blocks: list[Block] = [
        Text(
            "SFT shows the model a question x with its answer y, and makes the answer more probable, token "
            "by token. The loss is the mean cross-entropy over the N tokens of the step's answers, in "
            "nats. The prompt is read and not taught: its tokens do not count."
        ),
        equation(LOSS),
        *_tokens(run),
        _losses(finite),
        Text(
            "The perplexity e^L is as many tokens as the model is undecided between, on average; e^(−L) is "
            "the probability that it gives the right next token (the geometric mean). One batch's loss is "
            "noisy. Most tokens are the JSON's form and the words of the reason; the letter is one among "
            "them, so that the loss says little about how often it is right."
        ),
    ]
    return Explanation("sft-loss", "SFT: the loss", blocks)


def _tokens(run: RunData) -> list[Block]:
    phase = run.manifest.phases["sft"]
    tokens, rows = phase.metrics.get("answer_tokens"), phase.metrics.get("rows")
    if not tokens or not rows:
        return []
    text = f"In this run {integer(rows)} answers have {integer(tokens)} tokens, {tokens / rows:.1f} each"
    batch = phase.config.get("batch_size")
    step = f"; with {batch} answers a step, N is about {integer(tokens / rows * batch)}" if batch else ""
    return [Text(f"{text}{step}.")]


def _losses(logged: list[tuple[int, float]]) -> Table:
    (first, first_loss), (last, last_loss) = logged[0], logged[-1]
    losses = [loss for _, loss in logged]
    points = [
        (f"first logged, step {integer(first)}", first_loss),
        (f"last logged, step {integer(last)}", last_loss),
    ]
    if len(losses) >= 2 * WINDOW:
        points.insert(1, (f"mean of the first {WINDOW} logged", fmean(losses[:WINDOW])))
        points.append((f"mean of the last {WINDOW} logged", fmean(losses[-WINDOW:])))
    rows = [(name, decimal(loss), decimal(math.exp(loss)), f"{math.exp(-loss):.1%}") for name, loss in points]
    return Table(("Loss of this run", "L", "perplexity e^L", "e^(−L)"), rows)
