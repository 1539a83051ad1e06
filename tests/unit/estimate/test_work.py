"""What settings make a phase do: steps and tokens, against a real trainer; batches, answers and limits by hand."""

import pytest
from models import make_job, make_question, make_qwen3
from transformers import AutoModelForCausalLM, AutoTokenizer

from sft_trainer.examples import build_examples
from sft_trainer.settings import SftSettings
from sft_trainer.train import build_trainer
from shared.estimate.lengths import MEDMCQA, TextLengths, assume_lengths
from shared.estimate.work import Generation, eval_work, grpo_work, sft_work
from shared.lm.chat import encode_answer, encode_prompt
from shared.lm.trainer import prepare_libraries

GRPO = {
    "prompts_per_step": 8,
    "num_generations": 4,
    "micro_batch_size": 8,
    "max_completion_length": 256,
    "max_steps": 400,
    "beta": 0.0,
    "validation": {"rows": 0},
}


def even_lengths(prompt, answer):
    """Lengths of rows that are all the same."""
    return TextLengths(prompt, answer, prompt, answer, prompt + answer, 0, 0, 0, "of the test's rows")


@pytest.mark.parametrize(("batch_size", "micro_batch_size", "steps"), [(4, 2, 3), (4, 4, 2), (6, 1, 1)])
def test_a_training_goes_through_as_many_tokens_and_steps_as_planned(
    tmp_path, batch_size, micro_batch_size, steps
):
    folder = make_qwen3(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    questions = [make_question(number, cop=0) for number in range(8)]
    settings = SftSettings(
        run_id="r",
        namespace="n",
        max_steps=steps,
        batch_size=batch_size,
        micro_batch_size=micro_batch_size,
        logging_steps=1,
    )
    prepare_libraries(0)
    examples = build_examples(tokenizer, questions, settings.max_length)
    model = AutoModelForCausalLM.from_pretrained(folder)
    trainer = build_trainer(make_job("sft", settings, tmp_path), model, tokenizer, examples)
    trainer.train()
    (prompt,) = {len(encode_prompt(tokenizer, question)) for question in questions}
    (answer,) = {len(encode_answer(tokenizer, question)) for question in questions}
    planned = sft_work(settings.config(), even_lengths(prompt, answer), on_gpu=False).training
    seen = [row["num_tokens"] for row in trainer.state.log_history if "num_tokens" in row]
    assert (trainer.state.global_step, planned.steps) == (steps, steps)
    assert seen[-1] == planned.steps * planned.tokens_per_step
    assert planned.batch.scored == micro_batch_size * (prompt + answer - 1)


def test_on_a_gpu_only_the_answers_tokens_are_scored():
    settings = SftSettings(run_id="r", namespace="n", batch_size=16, micro_batch_size=4).config()
    assert sft_work(settings, even_lengths(100, 40), on_gpu=True).training.batch.scored == 4 * 40


def test_rows_longer_than_the_limit_are_not_planned_with():
    settings = SftSettings(run_id="r", namespace="n", max_length=128).config()
    training = sft_work(settings, MEDMCQA, on_gpu=True).training
    assert (training.batch.length, training.largest.length) == (128, 128)


def test_grpo_counts_completions_in_its_passes_and_prompts_in_its_passes_over_the_rows():
    work = grpo_work(GRPO, even_lengths(150, 60), on_gpu=True, at_most=False)
    assert work.generations == (Generation(rows=32, prompt=150, new_tokens=60, times=400),)
    training = work.training
    assert (training.per_step, training.batch.rows, training.batch.length) == (4, 8, 210)
    assert (training.rows_per_step, training.steps, training.reference) == (8, 400, False)
    assert work.generated_tokens == 400 * 32 * 60


def test_at_most_every_batch_of_completions_runs_into_the_limit():
    work = grpo_work(GRPO, even_lengths(150, 60), on_gpu=True, at_most=True)
    assert work.generations[0].new_tokens == 256
    assert work.training.batch.length == 150 + 256


def test_a_kl_term_scores_everything_once_more():
    assert grpo_work(GRPO | {"beta": 0.1}, MEDMCQA, on_gpu=True, at_most=False).training.reference


def test_validation_is_before_the_first_step_and_after_every_so_many():
    validation = {"rows": 50, "steps": 100, "max_new_tokens": 48, "batch_size": 32}
    work = grpo_work(GRPO | {"validation": validation}, even_lengths(150, 60), on_gpu=True, at_most=False)
    assert work.generations[1:] == (Generation(32, 150, 48, times=5), Generation(18, 150, 48, times=5))


def test_an_evaluation_asks_every_model_in_full_batches_and_one_that_is_left():
    settings = {"batch_size": 32, "max_new_tokens": 128}
    work = eval_work(settings, even_lengths(150, 60), rows=200, models=3, at_most=False)
    assert work.generations == (Generation(32, 150, 60, times=18), Generation(8, 150, 60, times=3))
    assert work.training is None


def test_the_longest_of_some_rows_is_longer_than_their_mean_and_never_than_the_longest_of_all():
    assert [MEDMCQA.padded_row(rows) for rows in (1, 4, 10**9)] == [218, 260, 434]
    assert [MEDMCQA.padded_prompt(rows) for rows in (1, 8, 10**9)] == [160, 195, 334]
    assert [MEDMCQA.padded_answer(rows) for rows in (1, 32, 10**9)] == [58, 124, 169]


def test_the_starters_questions_are_shorter_than_real_ones():
    assert assume_lengths("starter/medmcqa-mini").prompt < assume_lengths("openlifescienceai/medmcqa").prompt
