"""All questions of all sets put to one model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from evaluator.answers import Answer, grade
from evaluator.questions import Config, QuestionSet
from evaluator.settings import EvalSettings
from shared.errors import GuardTripped
from shared.lm.chat import encode_prompt
from shared.lm.generate import Decoder, decoding

Answers = Mapping[Config, list[Answer]]


@dataclass(frozen=True)
class Asking:
    """How the sets are put to a model, and who is told how far it is.

    Attributes:
        report: told how many of the model's questions are answered.
        warn: told where the batch size has to be reduced.
    """

    settings: EvalSettings
    report: Callable[[int], None]
    warn: Callable[[str], None]

    def ask(self, model: Any, tokenizer: PreTrainedTokenizerBase, sets: Sequence[QuestionSet]) -> Answers:
        """Return the answers of each set, in the order of its questions.

        A set's answers are decoded apart from those of other sets, so that asking for more changes none of them.
        """
        answers: dict[Config, list[Answer]] = {}
        for asked in sets:
            done = sum(map(len, answers.values()))
            limit, constrained = self.settings.max_new_tokens, asked.decoding == "constrained"
            with decoding(model, tokenizer, limit, constrained=constrained) as decoder:
                answers[asked.config] = self._ask_set(decoder, asked, done)
        return answers

    def _ask_set(self, decoder: Decoder, asked: QuestionSet, before: int) -> list[Answer]:
        prompts = [encode_prompt(decoder.tokenizer, shown.question) for shown in asked.shown]
        completions = decoder.complete(
            prompts, self.settings.batch_size, lambda done: self.report(before + done), self.warn
        )
        return [
            grade(shown, asked.decoding, prompt, completion)
            for shown, prompt, completion in zip(asked.shown, prompts, completions, strict=True)
        ]


def require_same_prompts(name: str, answers: Answers, base: Answers) -> None:
    """Require a model to have read what base has read, token for token: else more than the weights would be compared.

    Raises:
        GuardTripped: its tokenizer or its chat template makes something else of a question.
    """
    pairs = (pair for config in base for pair in zip(answers[config], base[config], strict=True))
    other = next((one for one, first in pairs if one.prompt_hash != first.prompt_hash), None)
    if other is not None:
        raise GuardTripped(
            f"{name} was asked {other.row_id} in other tokens than base: its tokenizer or chat template is not base's. "
            f"Train it again: make {name} FORCE=1."
        )
