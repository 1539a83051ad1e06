"""Makes the miniature model: tokenizer, stages, files. About seven minutes on two cores."""

from collections.abc import Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerBase, Qwen3ForCausalLM

from shared.lm.chat import render_prompt
from starter.facts import FACTS
from starter.pretrain.corpus import tokenizer_texts
from starter.pretrain.encode import collate_by_length
from starter.pretrain.loop import build_optimizer, learning_rate_factor, train_step
from starter.pretrain.model import build_model
from starter.pretrain.probe import Progress
from starter.pretrain.stream import COURSES, Course, stream_exercises
from starter.pretrain.tokenizer import train_tokenizer

SEED = 0


def train_model(folder: Path, courses: Sequence[Course] = COURSES, seed: int = SEED) -> None:
    """Train the miniature model from nothing and write it into the folder, with its tokenizer."""
    torch.manual_seed(seed)
    tokenizer = train_tokenizer(tokenizer_texts(FACTS))
    model = build_model(tokenizer)
    print(f"{model.num_parameters():,} parameters, {len(tokenizer):,} tokens", flush=True)
    progress = Progress(model, tokenizer)
    for course in courses:
        run_course(model, tokenizer, course, seed, progress)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def run_course(
    model: Qwen3ForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    course: Course,
    seed: int,
    progress: Progress,
) -> None:
    """Take the model through the stages of a course."""
    optimizer, render = build_optimizer(model), partial(render_prompt, tokenizer)
    total, step = sum(stage.steps for stage in course.stages), 0
    for stage in course.stages:
        exercises = stream_exercises(stage, FACTS, render, seed)
        for _ in range(stage.steps):
            factor = learning_rate_factor(step, course.warmup_steps, total)
            batches = collate_by_length(list(islice(exercises, stage.rows)), tokenizer)
            loss = train_step(model, optimizer, batches, factor * course.peak_learning_rate)
            step += 1
            progress.report(stage.name, step, loss)
