"""Supervised fine-tuning of the base model: load, encode, train an adapter, merge, publish.

The loss is the mean cross-entropy over the tokens of the answers, each the JSON and the token that ends the turn.
"""

from typing import cast

from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer  # type: ignore[attr-defined]

from sft_trainer.examples import Examples, build_examples
from sft_trainer.settings import SftSettings
from shared.job import Job, Outcome
from shared.lm.adapters import build_lora_config
from shared.lm.load import load_model, load_tokenizer
from shared.lm.publish import publish_models, publish_records
from shared.lm.questions import load_questions
from shared.lm.trainer import count_parameters, prepare_libraries, run_trainer, trainer_arguments


def train_sft(job: Job) -> Outcome:
    """Teach the base model to answer, and publish what it became."""
    settings: SftSettings = job.settings
    base = job.inputs["base"]
    prepare_libraries(job.seed)
    tokenizer = load_tokenizer(job.hub, base)
    questions = load_questions(job.hub, job.inputs["data"], "sft")
    examples = build_examples(tokenizer, questions, settings.max_length)
    model = load_model(job.hub, base, settings.precision)
    trainer = build_trainer(job, model, tokenizer, examples)
    trained = cast(PeftModel, trainer.model)
    parameters = count_parameters(job, trained)
    if examples.too_long:
        job.log(f"warning: {examples.too_long} rows are left out: max_length would cut their answer.")
    curve = run_trainer(trainer, job)
    outputs = publish_models(job, trained, tokenizer, base) | publish_records(job, {"curves": curve.rows})
    return Outcome(outputs, parameters | _metrics(trainer, examples) | {"final_loss": curve.rows[-1]["loss"]})


def build_trainer(
    job: Job, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, examples: Examples
) -> SFTTrainer:
    """Return TRL's trainer with a new adapter on the model."""
    settings: SftSettings = job.settings
    arguments = SFTConfig(
        **trainer_arguments(job, model.dtype),
        weight_decay=settings.weight_decay,
        per_device_train_batch_size=settings.micro_batch_size,
        gradient_accumulation_steps=settings.batch_size // settings.micro_batch_size,
        # The rows are encoded and fit: nothing is left to cut.
        max_length=None,
    )
    return SFTTrainer(
        model,
        args=arguments,
        train_dataset=examples.dataset,
        processing_class=tokenizer,
        peft_config=build_lora_config(model, settings.lora),
    )


def _metrics(trainer: SFTTrainer, examples: Examples) -> dict[str, float]:
    rows = len(examples.dataset)
    steps = trainer.state.global_step
    return {
        "steps": steps,
        "rows": rows,
        "rows_too_long": examples.too_long,
        "passes_over_rows": steps
        * trainer.args.train_batch_size
        * trainer.args.gradient_accumulation_steps
        / rows,
    }
