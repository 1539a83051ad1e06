"""What the examples must be before a training is paid for, and what its curve must not do."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from sft_trainer.examples import IGNORED, Examples
from sft_trainer.settings import SftGuardSettings
from shared.errors import GuardTripped
from shared.lm.chat import end_of_turn_id
from shared.lm.guards import CurveGuard, FiniteGradients, FiniteLoss, Rise
from shared.prediction import parse_completion

QUOTED_CHARACTERS = 160
BATCH_ROWS = 64
MASKED = "no token that counts for the loss"

Collator = Callable[[list[dict[str, Any]]], dict[str, Any]]


def build_guard(guard: SftGuardSettings) -> CurveGuard:
    """Return the rules of a supervised training; those that the settings switch off never trip."""
    rise = Rise(
        "loss",
        guard.window,
        guard.max_loss_rise or math.inf,
        guard.loss_floor,
        "guard.max_loss_rise",
        "The training unlearns. Lower learning_rate, or raise warmup_fraction.",
    )
    return CurveGuard([FiniteLoss(), FiniteGradients(guard.window), rise])


def check_lengths(examples: Examples, max_length: int, guard: SftGuardSettings) -> None:
    """Refuse a length limit that leaves too little to learn from.

    Raises:
        GuardTripped: more rows than the settings allow were left out.
    """
    rows = len(examples.dataset) + examples.too_long
    share = examples.too_long / rows
    if share > guard.max_cut_share:
        raise GuardTripped(
            f"max_length {max_length} would cut the answers of {examples.too_long} of {rows} rows ({share:.0%}), and "
            f"guard.max_cut_share allows {guard.max_cut_share:.0%}. Raise max_length."
        )


def check_examples(tokenizer: PreTrainedTokenizerBase, dataset: Dataset, collate: Collator) -> None:
    """Look at every row as the training will see it: what counts for the loss must be one JSON answer and its end.

    Args:
        tokenizer: the model's.
        dataset: the trainer's own, after it has prepared it.
        collate: the trainer's own collator.

    Raises:
        GuardTripped: a row teaches something else, or nothing. The message counts the kinds and quotes one.
    """
    end = end_of_turn_id(tokenizer)
    problems: Counter[str] = Counter()
    first: dict[str, str] = {}
    for labels in _labels(dataset, collate):
        taught = [token for token in labels if token != IGNORED]
        problem = _find_problem(tokenizer, taught, end)
        if problem:
            problems[problem] += 1
            first.setdefault(problem, str(tokenizer.decode(taught)))
    if problems:
        raise GuardTripped(_explain(problems, first, len(dataset)))


def _labels(dataset: Dataset, collate: Collator) -> Iterator[Sequence[int]]:
    for start in range(0, len(dataset), BATCH_ROWS):
        rows = dataset.select(range(start, min(start + BATCH_ROWS, len(dataset)))).to_list()
        yield from collate(rows)["labels"].tolist()


def _find_problem(tokenizer: PreTrainedTokenizerBase, taught: list[int], end: int) -> str | None:
    if not taught:
        return MASKED
    if taught[-1] != end:
        return f"no {tokenizer.convert_ids_to_tokens(end)} at the end of the answer"
    text = str(tokenizer.decode(taught[:-1]))
    if text.lstrip().startswith("<think>"):
        return "a think block before the answer"
    return parse_completion(text).problem


def _explain(problems: Counter[str], first: dict[str, str], rows: int) -> str:
    counts = "; ".join(f"{count} of {rows} rows: {problem}" for problem, count in problems.most_common())
    quoted = first[problems.most_common(1)[0][0]][:QUOTED_CHARACTERS]
    return (
        f"The loss would not be on the JSON answers: {counts}. One is taught as {quoted!r}. "
        "Check the chat template and shared.lm.chat, which renders the rows."
    )
