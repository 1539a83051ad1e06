"""What is pushed is downloaded again and must be what was trained."""

import json
import shutil

import pytest
import torch
from models import make_question, make_qwen3
from transformers import AutoModelForCausalLM, AutoTokenizer

from shared.errors import BadInput, GuardTripped
from shared.lm.adapters import cast_weights, merge_adapter, save_adapter, weight_fingerprint
from shared.lm.proof import TOLERANCES, Probe, measure_distance, prove_merge, prove_upload

QUESTIONS = [make_question(number) for number in range(6)]


def load(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype="auto")


@pytest.fixture
def published(push, adapt, base_folder, tmp_path):
    """A merged model in memory and on the Hub: its reference, and what `prove_upload` needs to know of it."""
    trained, tokenizer, base = (
        adapt(base_folder),
        AutoTokenizer.from_pretrained(base_folder),
        push("base", base_folder),
    )
    save_adapter(trained, base, tmp_path / "adapter")
    merged = merge_adapter(load(base_folder), tmp_path / "adapter")
    merged.save_pretrained(tmp_path / "merged")
    tokenizer.save_pretrained(tmp_path / "merged")
    probe = Probe.like(trained, tokenizer, QUESTIONS)
    fingerprint = weight_fingerprint(merged)
    return push("merged", tmp_path / "merged"), fingerprint, probe, prove_merge(probe, trained, merged)


def test_what_was_pushed_is_proven_and_nothing_of_it_left(hub, published, tmp_path):
    ref, *memory = published
    before = sorted(tmp_path.rglob("*"))
    prove_upload(hub, ref, *memory, tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_only_the_cache_has_is_not_proven(hub, published, tmp_path):
    ref, *memory = published
    hub.snapshot(ref)
    hub.api.delete_repo(ref.repo_id)
    with pytest.raises(BadInput, match=f"Not found while downloading {ref.repo_id}@{ref.commit}"):
        prove_upload(hub, ref, *memory, tmp_path)


def change_weights(folder):
    shutil.copy(make_qwen3(folder.parent / "other", seed=9) / "model.safetensors", folder)


def change_config(folder):
    """Changes no weight, but what the model makes of them."""
    config = json.loads((folder / "config.json").read_text())
    config["rms_norm_eps"] = 0.1
    (folder / "config.json").write_text(json.dumps(config))


def change_template(folder):
    template = folder / "chat_template.jinja"
    template.write_text(template.read_text().replace("<think>", "<thought>"))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (change_weights, "its weights"),
        (change_config, "its logits"),
        (change_template, "the prompts it reads"),
    ],
)
def test_another_model_than_the_pushed_one_is_told(hub, published, push, tmp_path, change, what):
    _, *memory = published
    change(tmp_path / "merged")
    ref = push("merged", tmp_path / "merged")
    with pytest.raises(
        GuardTripped, match=f"^{ref.repo_id}@{ref.commit}, downloaded again, .*: {what} differ"
    ):
        prove_upload(hub, ref, *memory, tmp_path)


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_a_merge_of_the_trained_adapter_is_within_what_rounding_explains_and_its_parent_is_not(
    push, adapt, tmp_path, dtype
):
    folder = make_qwen3(tmp_path / "model", dtype=dtype)
    tokenizer, base = AutoTokenizer.from_pretrained(folder), push("base", folder)
    for merged_in, same in (("adapter", True), (None, False)):
        trained = adapt(folder)
        probe = Probe.like(trained, tokenizer, QUESTIONS)
        assert probe.dtype == dtype
        save_adapter(trained, base, tmp_path / "adapter")
        model = merge_adapter(load(folder), tmp_path / merged_in) if merged_in else load(folder)
        if same:
            assert prove_merge(probe, trained, model).shape == (4, len(tokenizer))
        else:
            with pytest.raises(GuardTripped, match="does not say what was trained: its logits are off by"):
                prove_merge(probe, trained, model)


def test_a_distance_is_a_share_of_the_logits_size_and_blind_to_what_changes_no_probability():
    logits = torch.tensor([[1.0, -1.0, 3.0], [0.0, 2.0, 4.0]])
    assert measure_distance(logits + 5, logits) == pytest.approx(0, abs=1e-6)
    assert measure_distance(logits * 1.5, logits) == pytest.approx(0.5)


def test_a_change_of_number_format_leaves_the_rotary_frequencies_as_a_loader_makes_them(base_folder):
    converted = cast_weights(load(base_folder), torch.bfloat16)
    loaded = AutoModelForCausalLM.from_pretrained(base_folder, dtype=torch.bfloat16)
    assert {name: buffer.dtype for name, buffer in converted.named_buffers()} == {
        name: buffer.dtype for name, buffer in loaded.named_buffers()
    }
    ids = torch.arange(50).unsqueeze(0)
    with torch.no_grad():
        assert torch.equal(converted(ids).logits, loaded(ids).logits)
