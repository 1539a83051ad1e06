"""A model is loaded only as what the run recorded of it."""

import re
import shutil

import pytest
import torch
from models import make_qwen3
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from shared.errors import BadInput, GuardTripped
from shared.lm.adapters import weight_fingerprint
from shared.lm.load import load_folder, load_model, load_parent, load_stored
from shared.refs import RepoRef


def test_the_fingerprint_is_that_of_what_is_stored_not_of_what_is_computed_with(push, hub, tmp_path):
    folder = make_qwen3(tmp_path / "half", dtype=torch.bfloat16)
    ref = push("half", folder)
    loaded = load_parent(hub, ref, "fp32")
    assert loaded.fingerprint == ref.fingerprint
    assert weight_fingerprint(loaded.model) != ref.fingerprint


def test_other_weights_than_the_recorded_ones_are_refused_in_one_line(push, hub, base_folder, tmp_path):
    recorded = push("model", base_folder)
    changed = push("model", make_qwen3(tmp_path / "changed", seed=1))
    claimed = changed.model_copy(update={"fingerprint": recorded.fingerprint})
    for load in (load_stored, load_model, load_parent):
        with pytest.raises(GuardTripped) as refused:
            load(hub, claimed)
        assert str(refused.value) == (
            f"{changed} is not the model that the run recorded: its weights are {changed.fingerprint}, "
            f"not {recorded.fingerprint}. Make it again, with FORCE=1."
        )


@pytest.mark.parametrize("wrong", ["repo", "revision"])
def test_an_adapter_of_another_base_is_refused_with_the_three_repos(
    push, hub, make_adapter, base_folder, tmp_path, wrong
):
    base, other = push("base", base_folder), push("other", make_qwen3(tmp_path / "other", seed=1))
    named = other if wrong == "repo" else base.model_copy(update={"commit": "0" * 40})
    adapter = push("adapter", make_adapter(base_folder, named))
    message = f"The adapter {adapter} belongs to {named}, but the run says {base}. "
    with pytest.raises(GuardTripped, match=re.escape(message)):
        load_parent(hub, adapter, base=base)


def test_an_adapter_is_merged_onto_its_recorded_base_only_if_that_has_the_recorded_weights(
    push, hub, make_adapter, base_folder
):
    base = push("base", base_folder)
    adapter = push("adapter", make_adapter(base_folder, base))
    plain = AutoModelForCausalLM.from_pretrained(base_folder, dtype="auto")
    assert load_parent(hub, adapter, base=base).fingerprint != weight_fingerprint(plain)
    with pytest.raises(GuardTripped, match="is not the model that the run recorded"):
        load_parent(hub, adapter, base=base.model_copy(update={"fingerprint": f"sha256:{'0' * 64}"}))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda name, weight: (f"base_model.model.{name}", weight),
        lambda name, weight: (name, weight[:1].clone()),
    ],
    ids=["other names", "other shapes"],
)
def test_weights_that_do_not_fill_the_model_are_refused_not_made_up(base_folder, tmp_path, spoil):
    folder = shutil.copytree(base_folder, tmp_path / "spoilt")
    weights = load_file(folder / "model.safetensors")
    spoilt = dict(spoil(name, weight) for name, weight in weights.items())
    save_file(spoilt, folder / "model.safetensors", metadata={"format": "pt"})
    ref = RepoRef(repo_id="local/spoilt", repo_type="model", commit="0" * 40)
    with pytest.raises(
        BadInput, match=rf"{ref} lacks (lm_head|model\.embed_tokens)\.weight and 2\d more weights"
    ):
        load_folder(folder, ref)


def test_a_model_with_an_adapter_beside_it_is_refused(push, hub, make_adapter, base_folder, tmp_path):
    base = push("base", base_folder)
    both = shutil.copytree(base_folder, tmp_path / "both")
    shutil.copy(make_adapter(base_folder, base) / "adapter_config.json", both)
    ref = hub.push_folder(f"{base.repo_id}-both", "model", both, "Add both")
    with pytest.raises(BadInput, match="holds a model and an adapter"):
        load_stored(hub, ref)
