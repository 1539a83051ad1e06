import json

import pytest
import torch
from models import make_llama, make_qwen3
from peft import PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from shared.errors import BadInput
from shared.lm.adapters import (
    adapted_shapes,
    adapter_base,
    build_lora_config,
    is_adapter_folder,
    merge_adapter,
    save_adapter,
    weight_fingerprint,
)
from shared.refs import RepoRef
from shared.training import LoraSettings

BASE = RepoRef(repo_id="some/base", repo_type="model", commit="a" * 40)
SETTINGS = LoraSettings(rank=4, alpha=8, dropout=0)


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto")


@pytest.fixture
def save_adapter_of(tmp_path):
    """Saves an adapter for a model folder; B holds `value` everywhere, so 0 is an adapter that does nothing."""

    def save(base, value, folder="adapter"):
        model = load(base)
        adapted = get_peft_model(model, build_lora_config(model, SETTINGS))
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                parameter.data.fill_(value)
        save_adapter(adapted, BASE, tmp_path / folder)
        return tmp_path / folder

    return save


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_fingerprint_outlives_saving_and_loading(tmp_path, dtype):
    model = load(make_qwen3(tmp_path / "first", dtype=dtype))
    model.save_pretrained(tmp_path / "second")
    again = load(tmp_path / "second")
    assert again.dtype == dtype
    assert weight_fingerprint(again) == weight_fingerprint(model)


def test_a_fingerprint_outlives_saving_where_weights_are_not_tied(tmp_path):
    model = load(make_llama(tmp_path / "first"))
    model.save_pretrained(tmp_path / "second")
    assert weight_fingerprint(load(tmp_path / "second")) == weight_fingerprint(model)


def test_a_fingerprint_tells_apart_weights_formats_and_names(qwen3):
    model = load(qwen3)
    fingerprints = [weight_fingerprint(model), weight_fingerprint(load(qwen3).bfloat16())]
    model.model.norm.weight.data[0] += 1
    fingerprints.append(weight_fingerprint(model))
    fingerprints.append(weight_fingerprint(model.model))
    assert len(set(fingerprints)) == 4


def test_the_shapes_of_the_adapted_layers_account_for_every_trained_parameter(qwen3):
    model = load(qwen3)
    adapted = get_peft_model(model, build_lora_config(model, SETTINGS))
    shapes = adapted_shapes(adapted)
    assert set(shapes) == set(SETTINGS.target_modules)
    attention = model.config
    heads = attention.num_key_value_heads * attention.head_dim
    assert shapes["k_proj"] == [heads, attention.hidden_size, attention.num_hidden_layers]
    trained = sum(SETTINGS.rank * (outputs + inputs) * layers for outputs, inputs, layers in shapes.values())
    assert trained == adapted.get_nb_trainable_parameters()[0]


def test_an_adapter_names_its_base_and_the_commit_of_it(qwen3, save_adapter_of):
    folder = save_adapter_of(qwen3, 0.0)
    assert adapter_base(folder) == ("some/base", "a" * 40)
    assert is_adapter_folder(folder)
    assert not is_adapter_folder(qwen3)
    assert str(qwen3) not in (folder / "adapter_config.json").read_text()


def test_an_adapter_names_its_modules_in_an_order_that_is_the_same_in_every_process(qwen3, tmp_path):
    names = ("v_proj", "up_proj", "q_proj", "o_proj", "k_proj", "gate_proj", "down_proj")
    model = load(qwen3)
    config = build_lora_config(model, LoraSettings(target_modules=names))
    save_adapter(get_peft_model(model, config), BASE, tmp_path)
    assert json.loads((tmp_path / "adapter_config.json").read_text())["target_modules"] == sorted(names)


def test_an_adapter_that_does_nothing_changes_no_weight(qwen3, save_adapter_of):
    merged = merge_adapter(load(qwen3), save_adapter_of(qwen3, 0.0))
    assert weight_fingerprint(merged) == weight_fingerprint(load(qwen3))


def test_an_adapter_that_lacks_weights_is_refused_not_taken_for_one_that_does_little(qwen3, save_adapter_of):
    file = save_adapter_of(qwen3, 0.5) / "adapter_model.safetensors"
    kept = {name: weight for name, weight in load_file(file).items() if ".layers.1." not in name}
    save_file(kept, file, metadata={"format": "pt"})
    with pytest.raises(
        BadInput, match=r"^The adapter on some/base@a{40} lacks weights of layers that it names"
    ):
        merge_adapter(load(qwen3), file.parent)


def test_a_merged_model_computes_what_base_and_adapter_do(qwen3, save_adapter_of):
    folder = save_adapter_of(qwen3, 0.01)
    merged = merge_adapter(load(qwen3), folder)
    ids = torch.arange(20).unsqueeze(0)
    with torch.no_grad():
        expected = PeftModel.from_pretrained(load(qwen3), folder)(ids).logits
        assert not torch.allclose(load(qwen3)(ids).logits, expected, atol=1e-2)
        torch.testing.assert_close(merged(ids).logits, expected)


def test_a_merge_is_rounded_once_to_the_number_format_of_the_base(tmp_path, save_adapter_of):
    base = make_qwen3(tmp_path / "base", dtype=torch.bfloat16)
    folder = save_adapter_of(base, 0.01)
    exact = PeftModel.from_pretrained(load(base).float(), folder).merge_and_unload()
    merged = merge_adapter(load(base), folder)
    assert merged.dtype == torch.bfloat16
    assert weight_fingerprint(merged) == weight_fingerprint(exact.bfloat16())


def test_a_target_module_that_the_model_lacks_is_refused_with_those_it_has(qwen3):
    settings = LoraSettings(target_modules=("q_proj", "c_attn"))
    message = (
        "lora.target_modules names c_attn, which this model does not have. "
        "Choose from: down_proj, gate_proj, k_proj, o_proj, q_proj, up_proj, v_proj."
    )
    with pytest.raises(BadInput) as raised:
        build_lora_config(load(qwen3), settings)
    assert str(raised.value) == message
