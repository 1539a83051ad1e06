import pytest
import torch

from shared.errors import BadInput
from shared.lm.precision import pick_device, resolve_precision

on_cpu = pytest.mark.skipif(torch.cuda.is_available(), reason="tells what happens without a GPU")
on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


@on_cpu
def test_a_cpu_computes_in_fp32_unless_told_otherwise():
    assert (pick_device().type, resolve_precision("auto")) == ("cpu", torch.float32)
    assert resolve_precision("fp32") == torch.float32
    assert resolve_precision("bf16") == torch.bfloat16


@on_cpu
def test_fp16_without_a_gpu_is_refused():
    with pytest.raises(BadInput, match="fp16 needs a GPU"):
        resolve_precision("fp16")


@on_gpu
def test_a_gpu_computes_in_bf16_only_if_it_has_it_in_hardware():
    native = torch.cuda.get_device_capability() >= (8, 0)
    assert resolve_precision("auto") == (torch.bfloat16 if native else torch.float16)
