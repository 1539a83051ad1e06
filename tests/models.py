"""Tiny real models and questions, made on the spot. Import it as `models`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import torch
import trl
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers import models as tokenizer_models
from tokenizers.processors import TemplateProcessing
from tokenizers.trainers import BpeTrainer
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from shared.hub import Hub
from shared.job import Job
from shared.lm.curve import CurveRecorder
from shared.lm.guards import CurveGuard, FiniteLoss
from shared.manifest import RunManifest, Source
from shared.prompts import SYSTEM_PROMPT, build_target, render_user
from shared.question import Question
from shared.refs import RepoRef
from shared.runs import ManifestStore
from shared.settings import JobSettings

# A model this small is slower on more threads, and on a busy machine by far.
torch.set_num_threads(1)

SystemRole = Literal["kept", "raises", "dropped"]
QWEN3_TEMPLATE = (Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja").read_text(encoding="utf-8")
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 1024,
}
LLAMA_SYSTEM = {
    "kept": "{{ '<<SYS>>' + message.content + '<</SYS>>' }}",
    "raises": "{{ raise_exception('System role not supported') }}",
    "dropped": "",
}
LLAMA_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'system' %}SYSTEM"
    "{% elif message.role == 'user' %}{{ '[INST] ' + message.content + ' [/INST]' }}"
    "{% else %}{{ message.content + eos_token }}{% endif %}"
    "{% endfor %}"
)


def make_question(number: int = 0, **changes: object) -> Question:
    """Return one of endless different questions, its right letter going round A to D."""
    values: dict[str, object] = {
        "id": f"q{number}",
        "question": f"Which vitamin is number {number}?",
        "opa": "Retinol",
        "opb": "Thiamine",
        "opc": "Ascorbic acid",
        "opd": "Phylloquinone",
        "cop": number % 4,
        "exp": None,
    }
    return Question(**(values | changes))


def make_qwen3(folder: Path, seed: int = 0, dtype: torch.dtype = torch.float32) -> Path:
    """Write a Qwen3 model with Qwen3's own chat template and tied embeddings."""
    tokenizer = _make_tokenizer(QWEN3_TEMPLATE, {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"})
    # As in the real one: ordinary added tokens, which `skip_special_tokens` leaves in the text.
    tokenizer.add_tokens(["<think>", "</think>"])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    torch.manual_seed(seed)
    config = Qwen3Config(vocab_size=len(tokenizer), tie_word_embeddings=True, eos_token_id=None, **SIZES)
    return _save(Qwen3ForCausalLM(config), tokenizer, folder, dtype)


def make_llama(folder: Path, system_role: SystemRole = "kept", seed: int = 0) -> Path:
    """Write a Llama model whose template knows no thinking, and a system role, none, or one it ignores."""
    template = LLAMA_TEMPLATE.replace("SYSTEM", LLAMA_SYSTEM[system_role])
    tokenizer = _make_tokenizer(template, {"bos_token": "<s>", "eos_token": "</s>"})
    bos = tokenizer.bos_token_id
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", bos)]
    )
    torch.manual_seed(seed)
    config = LlamaConfig(vocab_size=len(tokenizer), bos_token_id=bos, eos_token_id=None, **SIZES)
    return _save(LlamaForCausalLM(config), tokenizer, folder, torch.float32)


def _make_tokenizer(template: str, special_tokens: dict[str, str]) -> PreTrainedTokenizerFast:
    backend = Tokenizer(tokenizer_models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=700, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    questions = [make_question(number) for number in range(8)]
    texts = [render_user(question) for question in questions] + [
        build_target(question) for question in questions
    ]
    backend.train_from_iterator([SYSTEM_PROMPT, *texts] * 2, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, chat_template=template, **special_tokens)


def _save(
    model: Qwen3ForCausalLM | LlamaForCausalLM,
    tokenizer: PreTrainedTokenizerFast,
    folder: Path,
    dtype: torch.dtype,
) -> Path:
    # At their usual size the output vectors are too short for a clear answer, whatever an adapter learns.
    model.get_output_embeddings().weight.data.mul_(10)
    model.to(dtype).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_job(phase: str, settings: JobSettings, workdir: Path) -> Job:
    """Return a job whose Hub is never asked: for work on local folders."""
    hub = Hub("http://127.0.0.1:9", "none")
    commit = "0" * 40
    dataset = RepoRef(repo_id="starter/questions", repo_type="dataset", commit=commit)
    model = RepoRef(repo_id="starter/model", repo_type="model", commit=commit)
    manifest = RunManifest(
        run_id="run-1",
        profile="test",
        seed=0,
        code="unknown",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        source=Source(dataset=dataset, base_model=model),
    )
    inputs = {"data": dataset, "base": model, "sft": model}
    return Job(
        phase, settings, hub, ManifestStore(hub, "local"), manifest, inputs, workdir, workdir / "state"
    )


def train_here(trainer, job: Job, guard: CurveGuard | None = None) -> CurveRecorder:
    """Train without a Hub, so without checkpoints, and return what recorded the curve."""
    curve = CurveRecorder(job, guard or CurveGuard([FiniteLoss()]))
    trainer.add_callback(curve)
    trainer.train()
    return curve
