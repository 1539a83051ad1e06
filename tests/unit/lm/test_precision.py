"""Which device and number format a job computes in, on hardware of every kind, and that the reason is given."""

import pytest
import torch
from models import make_job, make_question, make_qwen3
from transformers import AutoModelForCausalLM, AutoTokenizer

import grpo_trainer.train
import sft_trainer.train
from grpo_trainer.rollouts import RolloutRecorder
from grpo_trainer.settings import GrpoSettings
from sft_trainer.examples import build_examples
from sft_trainer.settings import SftSettings
from shared.errors import BadInput
from shared.lm.precision import Hardware, choose_precision, find_hardware, pick_device, resolve_precision
from shared.lm.trainer import prepare_libraries

on_cpu = pytest.mark.skipif(find_hardware().device != "cpu", reason="tells what happens without a GPU")
on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

AMPERE = Hardware("cuda", "NVIDIA A10G", native_bf16=True)
TURING = Hardware("cuda", "Tesla T4", native_bf16=False)
APPLE = Hardware("mps", "an Apple GPU", native_bf16=False)
CPU = Hardware("cpu", "a CPU", native_bf16=False)
QUESTIONS = [make_question(number) for number in range(4)]


@pytest.mark.parametrize(
    ("hardware", "dtype", "because"),
    [
        (AMPERE, torch.bfloat16, "NVIDIA A10G has it in hardware"),
        (TURING, torch.float16, "Tesla T4 has no bf16 in hardware; the loss is scaled"),
        (APPLE, torch.float32, "not proven on Apple GPUs"),
        (CPU, torch.float32, "on a CPU"),
    ],
)
def test_auto_is_the_fastest_format_that_the_hardware_has_and_says_why(hardware, dtype, because):
    choice = choose_precision("auto", hardware)
    assert (choice.dtype, choice.device.type) == (dtype, hardware.device)
    assert because in choice.because
    assert choice.describe() == f"Computing in {choice.precision} on {hardware.device}: {choice.because}."


def test_a_choice_is_recorded_as_plain_values():
    assert choose_precision("fp32", TURING).as_metrics() == {
        "dtype": "fp32",
        "device": "cuda",
        "because": "the setting precision is fp32",
    }


@pytest.mark.parametrize(
    ("precision", "hardware", "message"),
    [
        ("fp16", CPU, r"fp16 needs a GPU with CUDA\. Use auto or fp32"),
        ("fp16", APPLE, r"fp16 needs a GPU with CUDA\. Use auto or fp32"),
        ("bf16", TURING, r"bf16 is only emulated on Tesla T4, and slow\. Use auto or fp16"),
    ],
)
def test_a_format_that_the_hardware_lacks_is_refused_with_what_to_use(precision, hardware, message):
    with pytest.raises(BadInput, match=message):
        choose_precision(precision, hardware)


@pytest.mark.parametrize(("precision", "dtype"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
@pytest.mark.parametrize("hardware", [CPU, APPLE])
def test_where_there_is_a_choice_the_setting_has_it(precision, dtype, hardware):
    assert choose_precision(precision, hardware).dtype == dtype


@on_cpu
def test_a_cpu_computes_in_fp32_unless_told_otherwise():
    assert (pick_device().type, resolve_precision("auto")) == ("cpu", torch.float32)
    assert resolve_precision("bf16") == torch.bfloat16


@on_gpu
def test_a_gpu_computes_in_bf16_only_if_it_has_it_in_hardware():
    native = torch.cuda.get_device_capability() >= (8, 0)
    assert resolve_precision("auto") == (torch.bfloat16 if native else torch.float16)


@pytest.fixture(scope="module")
def half_precision_base(tmp_path_factory):
    return make_qwen3(tmp_path_factory.mktemp("half"), dtype=torch.bfloat16)


def build_sft(folder, workdir):
    settings = SftSettings(run_id="r", namespace="n", precision="bf16", max_steps=1)
    model, tokenizer = _load(folder)
    examples = build_examples(tokenizer, QUESTIONS, settings.max_length)
    return sft_trainer.train.build_trainer(make_job("sft", settings, workdir), model, tokenizer, examples)


def build_grpo(folder, workdir):
    settings = GrpoSettings(run_id="r", namespace="n", precision="bf16", max_steps=1)
    model, tokenizer = _load(folder)
    prompts = grpo_trainer.train.build_prompts(tokenizer, QUESTIONS)
    job, recorder = make_job("grpo", settings, workdir), RolloutRecorder(settings)
    return grpo_trainer.train.build_trainer(job, model, tokenizer, prompts, recorder)


def _load(folder):
    prepare_libraries(0)
    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto"), AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("build", [build_sft, build_grpo])
def test_onto_a_half_precision_base_an_fp32_adapter_is_trained(build, half_precision_base, tmp_path):
    trainer = build(half_precision_base, tmp_path)
    dtypes = {(parameter.requires_grad, parameter.dtype) for _, parameter in trainer.model.named_parameters()}
    assert dtypes == {(True, torch.float32), (False, torch.bfloat16)}
