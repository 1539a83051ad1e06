"""What is looked at before a supervised training, and the rules of its curve with their default thresholds."""

import pytest
from datasets import Dataset
from models import make_job, make_question, make_qwen3
from transformers import AutoModelForCausalLM, AutoTokenizer

from sft_trainer.examples import IGNORED, build_example, build_examples
from sft_trainer.guards import build_guard, check_examples, check_lengths
from sft_trainer.settings import SftGuardSettings, SftSettings
from sft_trainer.train import build_trainer
from shared.errors import GuardTripped

QUESTIONS = [make_question(number) for number in range(6)]
# Of `make sft PROFILE=demo`, a point every two steps.
HEALTHY = {
    "demo, seed 0": """
        2.02 2.74 1.49 2.24 2.21 1.92 2.27 1.82 1.88 1.85 2.23 2.03 2.28 2.04 1.76 2.21 2.02 1.53 2.06 1.72 1.73
        1.97 2.05 1.80 2.01 2.15 2.20 1.83 2.18 2.26 1.74 2.10 2.38 1.97 2.00 1.61 1.61 1.94 1.51 2.07 2.57 1.93
        1.97 1.61 2.24 1.78 1.44 1.89 2.08 1.51 1.86 2.02 2.07 1.50 1.90 1.67 1.90 1.74 1.79 2.05 1.76
    """,
    "demo, seed 2": """
        1.82 2.84 2.95 2.12 2.40 1.80 2.01 2.03 2.00 1.74 2.19 2.23 1.90 1.87 1.45 1.61 1.70 1.78 1.93 2.04 1.61
        1.62 2.12 2.21 2.09 1.57 2.02 1.93 1.80 2.14 2.60 1.85 1.87 1.55 1.77 1.97 1.95 1.06 1.64 1.91 2.10 2.26
        2.13 1.96 2.15 1.74 1.93 1.81 2.02 2.13 2.04 1.81 2.18 2.00 1.76 1.71 1.48 1.86 2.00 2.19 1.83
    """,
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_qwen3(tmp_path_factory.mktemp("qwen3"))


@pytest.fixture(scope="module")
def tokenizer(base):
    return AutoTokenizer.from_pretrained(base)


@pytest.fixture(scope="module")
def check(base, tokenizer, tmp_path_factory):
    """Checks rows in the batches that TRL's own trainer makes."""
    settings = SftSettings(run_id="r", namespace="n", max_steps=1, batch_size=1, micro_batch_size=1)
    job = make_job("sft", settings, tmp_path_factory.mktemp("job"))
    examples = build_examples(tokenizer, QUESTIONS, settings.max_length)
    trainer = build_trainer(job, AutoModelForCausalLM.from_pretrained(base), tokenizer, examples)
    return lambda rows: check_examples(tokenizer, Dataset.from_list(rows), trainer.data_collator)


def teach(tokenizer, text, end="<|im_end|>"):
    """Returns a row like ours whose answer is any text."""
    row = build_example(tokenizer, make_question(0))
    prompt = row["labels"].count(IGNORED)
    answer = tokenizer.encode(text + end, add_special_tokens=False)
    return {"input_ids": row["input_ids"][:prompt] + answer, "labels": [IGNORED] * prompt + answer}


def run(guard, losses):
    """Shows the guard every point as it comes, and returns the step at which it stopped the training and why."""
    rows = [{"step": index + 1, "loss": loss, "grad_norm": 1.0} for index, loss in enumerate(losses)]
    for end in range(1, len(rows) + 1):
        try:
            guard.check(rows[:end])
        except GuardTripped as error:
            return end, str(error)
    return None


def test_the_rows_that_are_made_here_are_what_they_must_be(check, tokenizer):
    check([build_example(tokenizer, question) for question in QUESTIONS])


def test_one_row_whose_answer_is_masked_is_one_too_many(check, tokenizer):
    rows = [build_example(tokenizer, question) for question in QUESTIONS]
    rows[4]["labels"] = [IGNORED] * len(rows[4]["labels"])
    with pytest.raises(GuardTripped) as raised:
        check(rows)
    assert str(raised.value) == (
        "The loss would not be on the JSON answers: 1 of 6 rows: no token that counts for the loss. One is taught as "
        "''. Check the chat template and shared.lm.chat, which renders the rows."
    )


def test_rows_that_are_all_masked_are_counted(check, tokenizer):
    rows = [build_example(tokenizer, question) for question in QUESTIONS]
    with pytest.raises(GuardTripped, match="6 of 6 rows: no token that counts for the loss"):
        check([row | {"labels": [IGNORED] * len(row["labels"])} for row in rows])


@pytest.mark.parametrize(
    ("text", "end", "problem"),
    [
        (
            '<think>\n\n</think>\n\n{"predicted_category": "A"}',
            "<|im_end|>",
            r"a think block before the answer. One is taught as '<think>\\n\\n</think>\\n\\n\{\"pred",
        ),
        ("It is A.", "<|im_end|>", r"not JSON. One is taught as 'It is A.<\|im_end\|>'"),
        ('{"predicted_category": "A"}', "<|im_end|>", "no confidence. One is taught as"),
        ('{"predicted_category": "A", "conf', "", r"no <\|im_end\|> at the end of the answer. One is"),
    ],
    ids=["thinks", "prose", "half the schema", "cut off"],
)
def test_a_row_that_teaches_something_else_is_refused_with_a_quote(check, tokenizer, text, end, problem):
    rows = [build_example(tokenizer, make_question(1)), teach(tokenizer, text, end)]
    with pytest.raises(GuardTripped, match=f"JSON answers: 1 of 2 rows: {problem}"):
        check(rows)


def test_the_most_frequent_problem_comes_first(check, tokenizer):
    rows = [teach(tokenizer, text) for text in ("It is A.", "<think>", "It is B.")]
    with pytest.raises(
        GuardTripped, match="2 of 3 rows: not JSON; 1 of 3 rows: a think block before the answer"
    ):
        check(rows)


def test_many_rows_are_all_looked_at(check, tokenizer):
    rows = [build_example(tokenizer, make_question(number)) for number in range(150)]
    rows[149] = teach(tokenizer, "It is A.")
    with pytest.raises(GuardTripped, match="1 of 150 rows: not JSON"):
        check(rows)


def test_a_length_limit_that_leaves_out_too_much_is_refused(tokenizer):
    short, long = make_question(1), make_question(2, exp="Because of its long history. " * 6)
    limit = len(build_example(tokenizer, short)["input_ids"])
    guard = SftGuardSettings(max_cut_share=0.5)
    check_lengths(build_examples(tokenizer, [short, long], limit), limit, guard)
    with pytest.raises(GuardTripped) as raised:
        check_lengths(build_examples(tokenizer, [short, long, long], limit), limit, guard)
    assert str(raised.value) == (
        f"max_length {limit} would cut the answers of 2 of 3 rows (67%), and guard.max_cut_share allows 50%. "
        "Raise max_length."
    )


@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("window", [5, 10])
def test_a_healthy_training_is_never_stopped(name, window):
    assert run(build_guard(SftGuardSettings(window=window)), map(float, HEALTHY[name].split())) is None


def test_a_loss_that_rises_stops_the_training():
    step, why = run(build_guard(SftGuardSettings()), [2.0] * 10 + [1.0] * 20 + [3.0] * 10)
    assert step == 33
    assert why == (
        "loss averaged 1.6 over the last 10 logged points (steps 24 to 33) and 1 at its best: guard.max_loss_rise "
        "stops a training at 1.5 times the best. The training unlearns. Lower learning_rate, or raise warmup_fraction."
    )


def test_a_loss_near_zero_may_rise_up_to_the_floor():
    assert run(build_guard(SftGuardSettings()), [0.02] * 20 + [0.5] * 20) is None
    assert run(build_guard(SftGuardSettings(loss_floor=0.4)), [0.02] * 20 + [0.5] * 20) is not None


def test_a_rise_of_zero_never_stops_but_a_loss_that_is_no_number_does():
    guard = build_guard(SftGuardSettings(max_loss_rise=0))
    assert run(guard, [1.0] * 10 + [100.0] * 10) is None
    assert run(guard, [1.0, float("nan")]) == (
        2,
        "The loss is nan at step 2: the training has diverged. Lower learning_rate, or use precision fp32.",
    )
