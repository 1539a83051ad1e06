"""The evaluation: the same questions put to base, sft and grpo, every answer kept."""

from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from evaluator.asking import Answers, Asking, require_same_prompts
from evaluator.baselines import guess_by_words
from evaluator.chain import PARENTS, Chain
from evaluator.computation import describe_computation
from evaluator.data import load_data
from evaluator.metrics import measure
from evaluator.predictions import publish_answers, publish_record
from evaluator.publishing.publish import publish_results
from evaluator.questions import QuestionSet, plan_question_sets
from evaluator.summary import MEASURED, summarise
from shared.job import Job, Outcome
from shared.lm.adapters import cast_weights
from shared.lm.load import load_proven, load_tokenizer
from shared.lm.precision import pick_device, resolve_precision


def evaluate_models(job: Job) -> Outcome:
    """Evaluate the run's models one after the other and publish their answers."""
    disable_progress_bar()  # type: ignore[no-untyped-call]
    settings, data = job.settings, load_data(job.hub, job.inputs["data"])
    sets, chain = plan_question_sets(data, settings.decoding, settings.rotate_options), Chain()
    answered: dict[str, Answers] = {}
    computations: dict[str, dict[str, Any]] = {}
    for name in PARENTS:
        answered[name], computations[name] = _ask_model(job, name, chain, sets)
        require_same_prompts(name, answered[name], answered["base"])
        # At once, so that a later model that fails takes no finished answers with it.
        publish_answers(job, name, answered[name])
    guesses = guess_by_words(data.training, data.questions)
    metrics = summarise(data, answered, guesses, settings.error_rate, settings.failure_probability)
    _name_models(metrics, chain)
    metrics["computation"] = computations
    predictions = publish_record(job, metrics, guesses)
    return Outcome({"predictions": predictions} | publish_results(job, metrics, predictions), metrics)


def _ask_model(
    job: Job, name: str, chain: Chain, sets: Sequence[QuestionSet]
) -> tuple[Answers, dict[str, Any]]:
    """Return a model's answers and what computed them; when they are there, it is in memory no more."""
    asked = sum(len(questions.shown) for questions in sets)
    before, total = list(PARENTS).index(name) * asked, len(PARENTS) * asked
    asking = Asking(job.settings, lambda done: job.progress(before + done, total), job.log)
    model, tokenizer = _load_proven(job, name, chain)
    answers = asking.ask(model, tokenizer, sets)
    job.log(_headline(name, measure(answers["default"]) | chain.describe(name)))
    return answers, describe_computation(model)


def _load_proven(job: Job, name: str, chain: Chain) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    ref, parent = job.inputs[name], PARENTS[name]
    dtype, tokenizer = resolve_precision(job.settings.precision), load_tokenizer(job.hub, ref)
    stored = load_proven(job.hub, ref, base=job.inputs[parent] if parent else None)
    trained_from = job.manifest.phases[name].metrics.get("parent_fingerprint") if parent else None
    chain.add(name, ref, stored.fingerprint, trained_from)
    model: Any = cast_weights(stored.model, dtype)
    return model.to(pick_device()), tokenizer


def _name_models(metrics: dict[str, Any], chain: Chain) -> None:
    for section in MEASURED:
        for name, measured in metrics.get(section, {}).items():
            measured.update(chain.describe(name))


def _headline(name: str, metrics: dict[str, Any]) -> str:
    return (
        f"{name}: accuracy {metrics['accuracy']:.1%}, valid JSON {metrics['valid_json_rate']:.1%}, "
        f"schema {metrics['schema_pass_rate']:.1%}, {metrics['tokens_per_second']:.0f} tokens/s, "
        f"weights {metrics['fingerprint'][:19]}…"
    )
