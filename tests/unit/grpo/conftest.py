from dataclasses import dataclass
from pathlib import Path

import pytest
from datasets import Dataset
from models import make_job, make_question, make_qwen3
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

from sft_trainer.examples import build_examples
from sft_trainer.settings import SftSettings
from sft_trainer.train import build_trainer
from shared.lm.adapters import build_lora_config
from shared.lm.checkpoints import save_merged
from shared.lm.trainer import prepare_libraries, trainer_arguments
from shared.prompts import build_messages, build_target

QUESTIONS = [make_question(number) for number in range(8)]
SETTINGS = SftSettings(
    run_id="r",
    namespace="n",
    max_steps=70,
    learning_rate=1e-2,
    batch_size=8,
    micro_batch_size=8,
    gradient_checkpointing="off",
    lora={
        "rank": 32,
        "alpha": 64,
        "dropout": 0,
        "target_modules": ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"),
    },
)


@dataclass(frozen=True)
class Chat:
    """A model in a folder."""

    folder: Path

    def load(self):
        return AutoModelForCausalLM.from_pretrained(self.folder), AutoTokenizer.from_pretrained(self.folder)


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return Chat(make_qwen3(tmp_path_factory.mktemp("base")))


@pytest.fixture(scope="session")
def taught_here(base, tmp_path_factory):
    """A model that learned to answer as this project teaches it."""
    prepare_libraries(0)
    model, tokenizer = base.load()
    job = make_job("sft", SETTINGS, tmp_path_factory.mktemp("work"))
    trainer = build_trainer(job, model, tokenizer, build_examples(tokenizer, QUESTIONS, SETTINGS.max_length))
    return _train_and_save(trainer, tokenizer, tmp_path_factory.mktemp("here"))


@pytest.fixture(scope="session")
def taught_as_the_reference(base, tmp_path_factory):
    """A model that learned the same answers as the reference run taught them: whole chats, loss on the assistant."""
    prepare_libraries(0)
    model, tokenizer = base.load()
    job = make_job("sft", SETTINGS, tmp_path_factory.mktemp("work"))
    chats = [
        {"messages": [*build_messages(question), {"role": "assistant", "content": build_target(question)}]}
        for question in QUESTIONS
    ]
    trainer = SFTTrainer(
        model,
        args=SFTConfig(
            **trainer_arguments(job, model.dtype),
            gradient_checkpointing=False,
            assistant_only_loss=True,
            per_device_train_batch_size=SETTINGS.batch_size,
        ),
        train_dataset=Dataset.from_list(chats),
        processing_class=tokenizer,
        peft_config=build_lora_config(model, SETTINGS.lora),
    )
    return _train_and_save(trainer, tokenizer, tmp_path_factory.mktemp("reference"))


def _train_and_save(trainer, tokenizer, folder):
    trainer.train()
    save_merged(trainer.model.merge_and_unload(), tokenizer, folder)
    return Chat(folder)
