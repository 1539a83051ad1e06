"""Questions as training examples: prompt and answer ids, the loss on the answer alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

from datasets import Dataset
from transformers import PreTrainedTokenizerBase

from shared.errors import BadInput
from shared.lm.chat import encode_answer, encode_prompt
from shared.prompts import TARGET_CONFIDENCE
from shared.question import Question

IGNORED = -100


@dataclass(frozen=True)
class Examples:
    """What is trained on. `too_long` counts the rows left out because `max_length` would cut their answer."""

    dataset: Dataset
    too_long: int

    @property
    def answer_tokens(self) -> int:
        """How many tokens of all rows the loss is on."""
        return sum(label != IGNORED for labels in self.dataset["labels"] for label in labels)


def build_examples(
    tokenizer: PreTrainedTokenizerBase,
    questions: list[Question],
    max_length: int,
    confidences: Sequence[float] = (TARGET_CONFIDENCE,),
) -> Examples:
    """Encode every question whose prompt and answer fit, the confidences dealt to the questions in turn.

    TRL takes rows that have `input_ids` and `labels` as they are. Left to it, a row too long would lose the end of its
    answer, and teach JSON that never closes.

    Raises:
        BadInput: no question fits.
    """
    dealt = zip(questions, cycle(confidences))
    rows = [build_example(tokenizer, question, confidence) for question, confidence in dealt]
    fitting = [row for row in rows if len(row["input_ids"]) <= max_length]
    if not fitting:
        shortest = min((len(row["input_ids"]) for row in rows), default=0)
        raise BadInput(
            f"max_length {max_length} would cut the answer of all {len(rows)} rows; the shortest has {shortest} "
            "tokens. Raise max_length."
        )
    return Examples(Dataset.from_list(fitting), too_long=len(rows) - len(fitting))


def build_example(
    tokenizer: PreTrainedTokenizerBase, question: Question, confidence: float = TARGET_CONFIDENCE
) -> dict[str, list[int]]:
    """Return the ids of prompt and answer, and the labels: those of the answer."""
    prompt, answer = encode_prompt(tokenizer, question), encode_answer(tokenizer, question, confidence)
    return {"input_ids": prompt + answer, "labels": [IGNORED] * len(prompt) + answer}
