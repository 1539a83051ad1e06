"""How a training does on questions that it does not see, while it runs, and which of its steps did best."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import set_peft_model_state_dict
from safetensors.torch import load_file
from transformers import PreTrainedTokenizerBase, Trainer, TrainerCallback, TrainerControl, TrainerState
from transformers import TrainingArguments as Arguments
from transformers.utils import ADAPTER_SAFE_WEIGHTS_NAME  # type: ignore[attr-defined]

from shared.job import Job
from shared.lm.chat import encode_prompt
from shared.lm.curve import VALIDATION
from shared.lm.generate import decoding
from shared.lm.guards import Row
from shared.lm.stopping import StopOnSignal
from shared.prediction import parse_completion
from shared.question import Question

SCORE = f"{VALIDATION}score"


@dataclass(frozen=True)
class Published:
    """The step whose weights are published, and why that one."""

    step: int
    because: str


class Validator(TrainerCallback):
    """Asks the model at intervals, logs what it scores into the curve, and keeps the adapter that scored best."""

    def __init__(
        self,
        job: Job,
        trainer: Trainer,
        tokenizer: PreTrainedTokenizerBase,
        questions: list[Question],
        stop: StopOnSignal,
    ) -> None:
        self.settings = job.settings.validation
        self.folder = job.state / "best"
        self._trainer = trainer
        self._tokenizer = tokenizer
        self._questions = questions
        self._job = job
        self._stop = stop

    def on_train_begin(
        self, args: Arguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Measure what the training begins with, or what an interrupted one had no time for."""
        is_measured = any(SCORE in row and row["step"] == state.global_step for row in state.log_history)
        if self._is_due(state) and not is_measured:
            self._measure_and_keep(state)

    def on_step_end(
        self, args: Arguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Measure every so many steps, and at the end; what has to stop soon is measured when it goes on."""
        if self._is_due(state) and not self._stop.requested:
            self._measure_and_keep(state)

    def _is_due(self, state: TrainerState) -> bool:
        return state.global_step % self.settings.steps == 0 or state.global_step >= state.max_steps

    def _measure_and_keep(self, state: TrainerState) -> None:
        score = self._measure()
        measured = trained_measurements(state.log_history)
        if measured and score >= max(row[SCORE] for row in measured):
            self._keep_adapter()

    def _measure(self) -> float:
        prompts = [encode_prompt(self._tokenizer, question) for question in self._questions]
        settings = self.settings
        with decoding(self._trainer.model, self._tokenizer, settings.max_new_tokens) as decoder:
            completions = decoder.complete(prompts, settings.batch_size, warn=self._job.log)
            scores = score_answers(self._questions, [completion.text for completion in completions])
            # Within the block: in training mode TRL would add the numbers of the step under way.
            self._log({f"{VALIDATION}{name}": value for name, value in scores.items()})
        return scores["score"]

    def _log(self, numbers: dict[str, float]) -> None:
        control = self._trainer.control
        is_due = control.should_log
        self._trainer.log(numbers)
        # transformers takes whatever is logged for the point of the curve that was due.
        control.should_log = is_due

    def _keep_adapter(self) -> None:
        draft = self.folder.with_name("best-draft")
        shutil.rmtree(draft, ignore_errors=True)
        model: Any = self._trainer.model
        model.save_pretrained(draft, save_embedding_layers=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        draft.rename(self.folder)


def score_answers(questions: Sequence[Question], texts: Sequence[str]) -> dict[str, float]:
    """Return the share of right letters, of answers on schema, and, as the score, of answers that are both."""
    parsed = [parse_completion(text) for text in texts]
    right = [answer.letter == question.letter for answer, question in zip(parsed, questions, strict=True)]
    on_schema = [answer.prediction is not None for answer in parsed]
    rows = len(parsed)
    return {
        "accuracy": sum(right) / rows,
        "schema_pass_rate": sum(on_schema) / rows,
        "score": sum(map(min, right, on_schema)) / rows,
    }


def trained_measurements(rows: Sequence[Row]) -> list[Row]:
    """Return the measurements of a curve after its first step."""
    return [row for row in rows if SCORE in row and row["step"] > 0]


def choose_published(rows: Sequence[Row], last: int, keep: str) -> Published:
    """Decide by the curve which step's weights to publish: the last, or the best measured (of equals the later)."""
    if keep == "last":
        return Published(last, "the last step, as validation.keep says")
    measured = trained_measurements(rows)
    best = max(measured, key=lambda row: (row[SCORE], row["step"]))
    start = next(row for row in rows if SCORE in row and row["step"] == 0)
    because = (
        f"its validation score of {best[SCORE]:.3f} is the best of {len(measured)} measurements; "
        f"before training it was {start[SCORE]:.3f}"
    )
    return Published(best["step"], because)


def describe_validation(rows: Sequence[Row], questions: int, published: Published) -> dict[str, Any]:
    """Return what the manifest says of the measurements: those of the start and of what is published."""
    measured = {row["step"]: _scores(row) for row in rows if SCORE in row}
    return {"rows": questions, "start": measured[0], "published": measured.get(published.step)}


def load_adapter_weights(model: Any, folder: Path) -> None:
    """Give a model's adapter the weights that lie in a folder."""
    set_peft_model_state_dict(model, load_file(folder / ADAPTER_SAFE_WEIGHTS_NAME))


def _scores(row: Row) -> dict[str, float]:
    return {name.removeprefix(VALIDATION): row[name] for name in row if name.startswith(VALIDATION)}
