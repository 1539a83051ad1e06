"""Supervised fine-tuning of the base model: load, encode, train an adapter, merge, publish.

The loss is the mean cross-entropy over the tokens of the answers, each the JSON and the token that ends the turn.
"""

from typing import cast

from datasets import Dataset
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer  # type: ignore[attr-defined]

from sft_trainer.examples import Examples, build_examples
from sft_trainer.guards import build_guard, check_examples, check_lengths
from sft_trainer.settings import SftSettings
from shared.estimate.flops import Batch
from shared.job import Job, Outcome
from shared.lm.adapters import build_lora_config
from shared.lm.curve import last_value
from shared.lm.guards import Row
from shared.lm.load import load_parent, load_tokenizer
from shared.lm.order import hold_out, training_order
from shared.lm.publish import publish_models, publish_records
from shared.lm.questions import load_questions
from shared.lm.trainer import (
    TrainingSession,
    describe_training,
    prepare_libraries,
    recomputes_activations,
    trainer_arguments,
)


def train_sft(job: Job) -> Outcome:
    """Teach the base model to answer, and publish what it became."""
    settings: SftSettings = job.settings
    base = job.inputs["base"]
    prepare_libraries(job.seed)
    session = TrainingSession(job)
    tokenizer = load_tokenizer(job.hub, base)
    questions = load_questions(job.hub, job.inputs["data"], "sft")
    taught, held_out = hold_out(questions, settings.validation.rows)
    examples = build_examples(tokenizer, taught, settings.max_length, settings.confidences)
    check_lengths(examples, settings.max_length, settings.guard)
    parent = load_parent(job.hub, base, settings.precision)
    trainer = build_trainer(job, parent.model, tokenizer, examples, session.dashboard_run)
    check_examples(tokenizer, prepared_rows(job, trainer, examples), trainer.data_collator)
    model = cast(PeftModel, trainer.model)
    facts = describe_training(job, model, parent)
    if examples.too_long:
        job.log(f"warning: {examples.too_long} rows are left out: max_length would cut their answer.")
    trained = session.run(trainer, tokenizer, held_out, build_guard(settings.guard), records={})
    records = publish_records(job, {"curves": trained.curve})
    outputs = publish_models(job, model, tokenizer, base, questions) | records
    metrics = facts | trained.metrics | _metrics(trainer, examples, trained.curve)
    return Outcome(outputs, metrics, cleanup=session.checkpoints.remove_branch)


def build_trainer(
    job: Job,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: Examples,
    dashboard_run: str = "",
) -> SFTTrainer:
    """Return TRL's trainer with a new adapter on the model."""
    settings: SftSettings = job.settings
    longest = max(map(len, examples.dataset["input_ids"]))
    batch = Batch(settings.micro_batch_size, longest, scored=settings.micro_batch_size * longest)
    arguments = SFTConfig(
        **trainer_arguments(job, model.dtype, dashboard_run),
        gradient_checkpointing=recomputes_activations(job, model, batch),
        weight_decay=settings.weight_decay,
        per_device_train_batch_size=settings.micro_batch_size,
        gradient_accumulation_steps=settings.batch_size // settings.micro_batch_size,
        # The rows are encoded and fit: nothing is left to cut.
        max_length=None,
        train_sampling_strategy="sequential",
    )
    return SFTTrainer(
        model,
        args=arguments,
        train_dataset=examples.dataset.select(_order(job, examples)),
        processing_class=tokenizer,
        peft_config=build_lora_config(model, settings.lora),
    )


def prepared_rows(job: Job, trainer: SFTTrainer, examples: Examples) -> Dataset:
    """Return each row that will be trained on once, as the trainer itself has prepared it."""
    order, dataset = _order(job, examples), cast(Dataset, trainer.train_dataset)
    assert len(dataset) == len(order), "the trainer has left rows out: the others are not where they were put"
    first_places = {row: place for place, row in reversed([*enumerate(order)])}
    return dataset.select(sorted(first_places.values()))


def _order(job: Job, examples: Examples) -> list[int]:
    settings: SftSettings = job.settings
    return training_order(len(examples.dataset), settings.batch_size, settings.max_steps, job.seed)


def _metrics(trainer: SFTTrainer, examples: Examples, curve: list[Row]) -> dict[str, float]:
    rows, steps, settings = len(examples.dataset), trainer.state.global_step, trainer.args
    batch_size = settings.train_batch_size * settings.gradient_accumulation_steps
    return {
        "steps": steps,
        "rows": rows,
        "rows_too_long": examples.too_long,
        "answer_tokens": examples.answer_tokens,
        "passes_over_rows": steps * batch_size / rows,
        "final_loss": last_value(curve, "loss"),
    }
