"""Which questions a training sees, and in which order."""

import random

from shared.errors import BadInput
from shared.question import Question


def hold_out(questions: list[Question], rows: int) -> tuple[list[Question], list[Question]]:
    """Return the questions to train on, and the last `rows`, to measure the training by.

    Raises:
        BadInput: no question would be left to train on.
    """
    if rows >= len(questions):
        raise BadInput(
            f"validation.rows {rows} leaves nothing to train on: the split has {len(questions)} rows. Lower it."
        )
    kept = len(questions) - rows
    return questions[:kept], questions[kept:]


def training_order(rows: int, batch_size: int, batches: int, seed: int) -> list[int]:
    """Return the index of each row that is trained on, pass after pass, each pass in another order.

    The order is laid down as a whole, so that a resumed training only has to skip what is done: samplers that
    draw a new order at the start of each pass (TRL's for GRPO among them) give the first one again when they begin in a
    later pass. As in those, what does not fill a batch at the end of a pass is left out of it.

    Args:
        rows: how many there are.
        batch_size: rows of one optimizer step.
        batches: optimizer steps.
        seed: decides the order.
    """
    generator, needed = random.Random(seed), batch_size * batches
    order: list[int] = []
    a_pass = rows - rows % batch_size or rows
    while len(order) < needed:
        order += generator.sample(range(rows), a_pass)
    return order[:needed]
