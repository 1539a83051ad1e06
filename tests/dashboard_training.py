"""Trains as the SFT phase does, for a dashboard to show, up to a step. A process for `JOBS.run`.

It saves a checkpoint at the step before, and prints the curve, where TensorBoard's files are, and every address that it
connected to.
"""

import json
import sys
from pathlib import Path

from models import make_job, make_question
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import SFTConfig, SFTTrainer

from sft_trainer.examples import build_examples
from sft_trainer.settings import SftSettings
from shared.lm.adapters import build_lora_config
from shared.lm.dashboards import tensorboard_files
from shared.lm.trainer import trainer_arguments


class Stop(TrainerCallback):
    def __init__(self, until):
        self.until = until

    def on_step_end(self, args, state, control, **kwargs):
        control.should_training_stop |= state.global_step >= self.until
        control.should_save = state.global_step == self.until - 1


def train(base, workdir, run_name, dashboard, until, checkpoint):
    settings = SftSettings(run_id="run-1", namespace="n", max_steps=6, report_to=(dashboard,))
    job = make_job("sft", settings, workdir)
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForCausalLM.from_pretrained(base, dtype="auto")
    examples = build_examples(tokenizer, [make_question(number) for number in range(6)], 512)
    options = {
        "logging_steps": 1,
        "max_length": None,
        "per_device_train_batch_size": 2,
        "output_dir": str(workdir),
    }
    arguments = trainer_arguments(job, model.dtype, run_name) | options
    trainer = SFTTrainer(
        model,
        args=SFTConfig(**arguments),
        train_dataset=examples.dataset,
        processing_class=tokenizer,
        peft_config=build_lora_config(model, settings.lora),
        callbacks=[Stop(until)],
    )
    trainer.train(resume_from_checkpoint=checkpoint and str(workdir / checkpoint))
    losses = [[row["step"], row["loss"]] for row in trainer.state.log_history if "loss" in row]
    return losses, {name: str(path) for name, path in tensorboard_files(job).items()}


if __name__ == "__main__":
    reached = []
    sys.addaudithook(lambda event, args: event == "socket.connect" and reached.append(str(args[1])))
    base, workdir, run_name, dashboard, until, *checkpoint = sys.argv[1:]
    losses, files = train(
        base, Path(workdir), run_name, dashboard, int(until), checkpoint[0] if checkpoint else None
    )
    print(json.dumps({"losses": losses, "files": files, "reached": reached}))
