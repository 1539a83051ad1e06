"""TRL's trainer as the phase builds it, on a tiny model."""

import pytest
import torch
from models import make_job, make_question, make_qwen3, train_here
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig

from sft_trainer.examples import build_examples
from sft_trainer.guards import build_guard, check_examples
from sft_trainer.settings import SftSettings
from sft_trainer.train import build_trainer, prepared_rows
from shared.errors import GuardTripped
from shared.lm.adapters import weight_fingerprint
from shared.lm.trainer import prepare_libraries
from shared.prompts import build_target

QUESTIONS = [make_question(number) for number in range(6)]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_qwen3(tmp_path_factory.mktemp("qwen3"))


@pytest.fixture
def build(base, tmp_path):
    def build(seed=0, base=base, **changes):
        settings = SftSettings(
            run_id="r",
            namespace="n",
            **(
                {"max_steps": 3, "batch_size": 4, "micro_batch_size": 2, "gradient_checkpointing": "off"}
                | changes
            ),
        )
        job = make_job("sft", settings, tmp_path)
        job.manifest.seed = seed
        prepare_libraries(job.seed)
        tokenizer = AutoTokenizer.from_pretrained(base)
        examples = build_examples(tokenizer, QUESTIONS, settings.max_length)
        return build_trainer(
            job, AutoModelForCausalLM.from_pretrained(base, dtype="auto"), tokenizer, examples
        ), job

    return build


def test_the_loss_is_on_the_json_and_the_end_of_the_turn_and_nothing_else(build):
    trainer, _ = build()
    tokenizer = trainer.processing_class
    taught, read = [], []
    for batch in trainer.get_train_dataloader():
        for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
            assert torch.equal(ids[labels != -100], labels[labels != -100])
            taught.append(tokenizer.decode(labels[labels != -100]))
            read.append(tokenizer.decode(ids[: int((labels != -100).nonzero()[0])]))
    # Three steps of four rows.
    assert len(taught) == 12
    assert set(taught) == {f"{build_target(question)}<|im_end|>" for question in QUESTIONS}
    assert all(prompt.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n") for prompt in read)


def test_what_is_looked_at_before_a_training_is_each_row_once_as_the_trainer_has_prepared_it(
    build, base, monkeypatch
):
    examples = build_examples(AutoTokenizer.from_pretrained(base), QUESTIONS, max_length=1024)
    trainer, job = build()
    prepared = prepared_rows(job, trainer, examples)["input_ids"]
    assert sorted(prepared) == sorted(examples.dataset["input_ids"])
    # As if TRL cut rows again that are encoded already.
    limit = min(map(len, prepared)) - 1
    monkeypatch.setattr(
        "sft_trainer.train.SFTConfig", lambda **options: SFTConfig(**options | {"max_length": limit})
    )
    trainer, job = build()
    with pytest.raises(GuardTripped, match=r"6 of 6 rows: no <\|im_end\|> at the end"):
        check_examples(trainer.processing_class, prepared_rows(job, trainer, examples), trainer.data_collator)


def test_only_the_adapter_is_trained(build):
    trainer, _ = build(lora={"rank": 2, "target_modules": ("q_proj",)})
    trained = {name for name, parameter in trainer.model.named_parameters() if parameter.requires_grad}
    assert {name.split(".self_attn.")[1] for name in trained} == {
        "q_proj.lora_A.default.weight",
        "q_proj.lora_B.default.weight",
    }
    # Two layers of hidden size 64 and four heads of 16: A is 2 × 64, B is 64 × 2.
    assert trainer.model.get_nb_trainable_parameters()[0] == 2 * (2 * 64 + 64 * 2)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(build):
    def train(seed):
        trainer, job = build(seed, lora={"dropout": 0.2})
        train_here(trainer, job)
        return weight_fingerprint(trainer.model)

    assert train(0) == train(0)
    assert train(0) != train(1)


def test_a_batch_in_parts_trains_like_the_batch_at_once(build):
    def train(micro_batch_size):
        trainer, job = build(micro_batch_size=micro_batch_size, learning_rate=1e-2, lora={"dropout": 0})
        train_here(trainer, job)
        return [parameter.detach() for parameter in trainer.model.parameters() if parameter.requires_grad]

    torch.testing.assert_close(train(4), train(1), atol=1e-4, rtol=1e-3)


def test_the_curve_has_the_first_step_and_every_logged_one(build):
    trainer, job = build(
        max_steps=5, logging_steps=2, warmup_fraction=0.0, lr_scheduler="linear", learning_rate=0.01
    )
    curve = train_here(trainer, job)
    assert [row["step"] for row in curve.rows] == [1, 2, 4]
    assert [row["learning_rate"] for row in curve.rows] == pytest.approx([0.01, 0.008, 0.004])
    assert curve.rows[-1]["loss"] < curve.rows[0]["loss"]


def test_a_training_that_diverges_is_stopped(build):
    trainer, job = build(max_steps=10, learning_rate=1.0, max_grad_norm=1e6, logging_steps=1)
    for parameter in trainer.model.parameters():
        parameter.data.mul_(1e20)
    with pytest.raises(GuardTripped, match=r"The loss is (nan|inf) at step \d+: the training has diverged"):
        train_here(trainer, job, build_guard(job.settings.guard))


def test_a_model_stored_in_half_precision_is_trained_through_an_adapter_in_full_precision(build, tmp_path):
    folder = make_qwen3(tmp_path / "half", dtype=torch.bfloat16)
    trainer, job = build(base=folder, learning_rate=1e-2)
    dtypes = {parameter.requires_grad: parameter.dtype for parameter in trainer.model.parameters()}
    assert dtypes == {True: torch.float32, False: torch.bfloat16}
    curve = train_here(trainer, job)
    assert curve.rows[-1]["loss"] > 0
