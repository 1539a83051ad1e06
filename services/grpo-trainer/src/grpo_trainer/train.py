"""Group relative policy optimisation of the merged SFT model (Shao et al., 2024, arXiv:2402.03300).

Each step samples G completions for each of its prompts and scores them by rule. A completion's advantage is its reward
minus its group's mean, over the group's standard deviation. The loss is the clipped policy-gradient objective,
averaged over all tokens of the step. It differs from the paper in that average (the paper's is per completion first),
and in that there is no KL term by default, so that no reference model is needed.
"""

from typing import Any, cast

from datasets import Dataset
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from trl import GRPOConfig, GRPOTrainer  # type: ignore[attr-defined]

from grpo_trainer.guard import build_guard
from grpo_trainer.preflight import check_rollouts
from grpo_trainer.rollouts import STD_EPSILON, RolloutRecorder
from grpo_trainer.settings import GrpoSettings
from shared.estimate.flops import Batch
from shared.job import Job, Outcome
from shared.lm.adapters import build_lora_config
from shared.lm.chat import CHAT_TEMPLATE_KWARGS, prompt_messages, stop_token_ids
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
from shared.question import Question


def train_grpo(job: Job) -> Outcome:
    """Train the SFT model on the rewards of its own completions, and publish what it became."""
    settings: GrpoSettings = job.settings
    start = job.inputs["sft"]
    prepare_libraries(job.seed)
    session = TrainingSession(job)
    tokenizer = load_tokenizer(job.hub, start)
    questions = load_questions(job.hub, job.inputs["data"], "grpo")
    asked, held_out = hold_out(questions, settings.validation.rows)
    parent = load_parent(job.hub, start, settings.precision, base=job.inputs["base"])
    preflight = session.once("preflight", lambda: check_rollouts(job, parent.model, tokenizer, asked))
    recorder = RolloutRecorder(settings)
    prompts = build_prompts(tokenizer, asked)
    trainer = build_trainer(job, parent.model, tokenizer, prompts, recorder, session.dashboard_run)
    model = cast(PeftModel, trainer.model)
    facts = describe_training(job, model, parent)
    job.log(
        f"Each step: {settings.prompts_per_step} of {len(asked)} prompts × {settings.num_generations} completions "
        f"= {settings.completions_per_step}."
    )
    trained = session.run(trainer, tokenizer, held_out, build_guard(settings), {"rollouts": recorder.rows})
    records = publish_records(job, {"curves": trained.curve, "rollouts": recorder.rows})
    outputs = publish_models(job, model, tokenizer, start, questions) | records
    metrics = facts | {"preflight": preflight, "objective": describe_objective(trainer)} | trained.metrics
    metrics |= _metrics(trainer, settings, len(asked), trained.curve)
    return Outcome(outputs, metrics, cleanup=session.checkpoints.remove_branch)


def build_prompts(tokenizer: PreTrainedTokenizerBase, questions: list[Question]) -> Dataset:
    """Return a row for each question: the messages, and what the rewards and the rollouts need to know of it."""
    return Dataset.from_list(
        [
            {
                "prompt": prompt_messages(tokenizer, question),
                "ground_truth": question.letter,
                "row_id": question.id,
            }
            for question in questions
        ]
    )


def build_trainer(
    job: Job,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Dataset,
    recorder: RolloutRecorder,
    dashboard_run: str = "",
) -> GRPOTrainer:
    """Return TRL's trainer with a new adapter on the model."""
    settings: GrpoSettings = job.settings
    model.generation_config.eos_token_id = stop_token_ids(model, tokenizer)
    arguments = GRPOConfig(
        **trainer_arguments(job, model.dtype, dashboard_run),
        gradient_checkpointing=recomputes_activations(
            job, model, _largest_batch(settings, tokenizer, prompts)
        ),
        chat_template_kwargs=CHAT_TEMPLATE_KWARGS,
        per_device_train_batch_size=settings.micro_batch_size,
        gradient_accumulation_steps=settings.completions_per_step // settings.micro_batch_size,
        num_generations=settings.num_generations,
        max_completion_length=settings.max_completion_length,
        temperature=settings.temperature,
        epsilon=settings.clip_epsilon,
        beta=settings.beta,
        scale_rewards=settings.scale_rewards,
        reward_weights=settings.weights,
        shuffle_dataset=False,
    )
    order = training_order(len(prompts), settings.prompts_per_step, settings.max_steps, job.seed)
    return GRPOTrainer(
        model,
        reward_funcs=[*recorder.reward_functions()],
        args=arguments,
        train_dataset=prompts.select(order),
        processing_class=tokenizer,
        peft_config=build_lora_config(model, settings.lora),
    )


def describe_objective(trainer: GRPOTrainer) -> dict[str, Any]:
    """Return how TRL computes the loss where no setting of ours says so, for the report."""
    arguments = cast(GRPOConfig, trainer.args)
    return {
        "loss_type": arguments.loss_type,
        "ratio_level": arguments.importance_sampling_level,
        "updates_per_batch": arguments.num_iterations,
        "std_epsilon": STD_EPSILON,
    }


def _largest_batch(settings: GrpoSettings, tokenizer: PreTrainedTokenizerBase, prompts: Dataset) -> Batch:
    encoded: Any = tokenizer.apply_chat_template(
        list(prompts["prompt"]), add_generation_prompt=True, return_dict=True, **CHAT_TEMPLATE_KWARGS
    )
    longest = max(map(len, encoded["input_ids"])) + settings.max_completion_length
    rows = settings.micro_batch_size
    return Batch(rows, longest, scored=rows * settings.max_completion_length)


def _metrics(trainer: GRPOTrainer, settings: GrpoSettings, rows: int, curve: list[Row]) -> dict[str, float]:
    steps = trainer.state.global_step
    return {
        "steps": steps,
        "rows": rows,
        "passes_over_rows": steps * settings.prompts_per_step / rows,
        "final_reward": last_value(curve, "reward"),
    }
