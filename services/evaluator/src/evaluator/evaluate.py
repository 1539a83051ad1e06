"""The evaluation: the same questions put to base, sft and grpo, every answer kept."""

from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from evaluator.answers import Answer, grade
from evaluator.chain import PARENTS, Chain
from evaluator.metrics import measure, measure_majority
from evaluator.predictions import publish_answers, publish_card
from evaluator.publishing.publish import publish_results
from shared.job import Job, Outcome
from shared.lm.adapters import cast_weights
from shared.lm.chat import encode_prompt
from shared.lm.generate import Decoder, decoding
from shared.lm.load import load_proven, load_tokenizer
from shared.lm.precision import pick_device, resolve_precision
from shared.lm.questions import load_questions
from shared.question import Question


def evaluate_models(job: Job) -> Outcome:
    """Evaluate the run's models one after the other and publish their answers."""
    disable_progress_bar()  # type: ignore[no-untyped-call]
    questions, chain = load_questions(job.hub, job.inputs["data"], "eval"), Chain()
    models: dict[str, Any] = {}
    for name in PARENTS:
        model, tokenizer = _load_proven(job, name, chain)
        with decoding(model, tokenizer, job.settings.max_new_tokens) as decoder:
            answers = _ask(job, decoder, questions, asked=len(models) * len(questions))
        del model, decoder  # One model in memory at a time.
        models[name] = measure(answers) | chain.describe(name)
        # At once, so that a later model that fails takes no finished answers with it.
        publish_answers(job, name, answers)
        job.log(_headline(name, models[name]))
    metrics = {"models": models} | measure_majority([question.letter for question in questions])
    predictions = publish_card(job, metrics)
    return Outcome({"predictions": predictions} | publish_results(job, metrics, predictions), metrics)


def _load_proven(job: Job, name: str, chain: Chain) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    ref, parent = job.inputs[name], PARENTS[name]
    dtype, tokenizer = resolve_precision(job.settings.precision), load_tokenizer(job.hub, ref)
    stored = load_proven(job.hub, ref, base=job.inputs[parent] if parent else None)
    trained_from = job.manifest.phases[name].metrics.get("parent_fingerprint") if parent else None
    chain.add(name, ref, stored.fingerprint, trained_from)
    model: Any = cast_weights(stored.model, dtype)
    return model.to(pick_device()), tokenizer


def _ask(job: Job, decoder: Decoder, questions: list[Question], asked: int) -> list[Answer]:
    prompts = [encode_prompt(decoder.tokenizer, question) for question in questions]
    total = len(PARENTS) * len(questions)
    completions = decoder.complete(
        prompts, job.settings.batch_size, lambda done: job.progress(asked + done, total), job.log
    )
    return [grade(*answered) for answered in zip(questions, prompts, completions, strict=True)]


def _headline(name: str, metrics: dict[str, Any]) -> str:
    return (
        f"{name}: accuracy {metrics['accuracy']:.1%}, valid JSON {metrics['valid_json_rate']:.1%}, "
        f"schema {metrics['schema_pass_rate']:.1%}, {metrics['tokens_per_second']:.0f} tokens/s, "
        f"weights {metrics['fingerprint'][:19]}…"
    )
