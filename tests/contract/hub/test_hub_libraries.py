"""datasets, transformers and peft work with the hub as they are, told by the environment only."""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

DATASETS = """
import json, sys
from datasets import Dataset, DatasetDict, load_dataset
repo = sys.argv[1]
rows = [{"id": f"q{n}", "cop": n % 4, "exp": None if n % 2 else "ünï"} for n in range(50)]
splits = DatasetDict({"train": Dataset.from_list(rows[:40]), "test": Dataset.from_list(rows[40:])})
splits.push_to_hub(repo, private=True)
Dataset.from_list(rows[:3]).push_to_hub(repo, "tiny", split="train")
back = load_dataset(repo)
assert {name: split.to_list() for name, split in back.items()} == {"train": rows[:40], "test": rows[40:]}
assert load_dataset(repo, "tiny", split="train").to_list() == rows[:3]
streamed = load_dataset(repo, split="test", streaming=True)
print(json.dumps([row["id"] for row in streamed]))
"""
MODELS = """
import json, sys
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, repo = sys.argv[1:]
model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
model.push_to_hub(repo, private=True)
tokenizer.push_to_hub(repo)
back, its_tokenizer = AutoModelForCausalLM.from_pretrained(repo), AutoTokenizer.from_pretrained(repo)
assert its_tokenizer.chat_template == tokenizer.chat_template
weights = back.state_dict()
assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())

torch.manual_seed(0)
adapted = get_peft_model(back, LoraConfig(r=4, target_modules=["q_proj"], init_lora_weights=False))
adapted.push_to_hub(repo + "-adapter")
base = AutoModelForCausalLM.from_pretrained(repo)
again = PeftModel.from_pretrained(base, repo + "-adapter")
ids = torch.tensor([its_tokenizer.encode("Which vitamin is this?")])
with torch.no_grad():
    assert torch.equal(adapted(input_ids=ids).logits, again(input_ids=ids).logits)
print(json.dumps([len(ids[0]) > 0, again.peft_config["default"].base_model_name_or_path]))
"""

REVISIONS = """
import json, sys
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer
folder, repo = sys.argv[1:]

def norm_of(**options):
    return AutoModelForCausalLM.from_pretrained(repo, **options).model.norm.weight[0].item()

def rank_of(commit):
    base = AutoModelForCausalLM.from_pretrained(folder)
    adapted = PeftModel.from_pretrained(base, repo + "-adapter", revision=commit)
    return adapted.peft_config["default"].r

model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
pushed = []
for value in (1.0, 2.0):
    torch.nn.init.constant_(model.model.norm.weight, value)
    pushed.append(model.push_to_hub(repo, private=True).oid)
torch.nn.init.constant_(model.model.norm.weight, 3.0)
proposed = model.push_to_hub(repo, create_pr=True)
tokenizer.chat_template = "{{ messages }}"
tokenizer.push_to_hub(repo, revision="words")
adapters = [
    get_peft_model(AutoModelForCausalLM.from_pretrained(folder), LoraConfig(r=rank, target_modules=["q_proj"]))
    .push_to_hub(repo + "-adapter", private=True).oid
    for rank in (2, 4)
]
try:
    norm_of(token=False)
except OSError as error:
    refused = type(error.__cause__).__name__
print(json.dumps({
    "pinned": [norm_of(revision=commit) for commit in pushed],
    "main": norm_of(),
    "proposed": [proposed.pr_revision, norm_of(revision=proposed.pr_revision)],
    "branch": AutoTokenizer.from_pretrained(repo, revision="words").chat_template,
    "adapters": [rank_of(commit) for commit in adapters],
    "refused": refused,
}))
"""


def run(script, env, *arguments):
    finished = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)], env=env, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


def test_a_dataset_with_splits_and_configs_comes_back_row_by_row(hub_env, repo, api):
    streamed = run(DATASETS, hub_env, f"{repo}-data")
    assert streamed == [f"q{number}" for number in range(40, 50)]
    assert api.list_repo_files(f"{repo}-data", repo_type="dataset") == [
        ".gitattributes",
        "README.md",
        "data/test-00000-of-00001.parquet",
        "data/train-00000-of-00001.parquet",
        "tiny/train-00000-of-00001.parquet",
    ]
    assert api.dataset_info(f"{repo}-data").private is True


def test_a_model_and_an_adapter_on_it_come_back_to_the_bit(hub_env, repo, api, tmp_path):
    import models  # brings torch, which only this test needs

    folder = models.make_qwen3(tmp_path / "model")
    assert run(MODELS, hub_env | {"OMP_NUM_THREADS": "1"}, folder, f"{repo}-model") == [
        True,
        f"{repo}-model",
    ]
    assert "adapter_model.safetensors" in api.list_repo_files(f"{repo}-model-adapter")
    weights = api.get_safetensors_metadata(f"{repo}-model").files_metadata["model.safetensors"]
    assert sum(weights.parameter_count.values()) > 0


def test_models_and_adapters_load_as_they_were_at_a_commit_on_a_branch_and_in_a_pull_request(
    hub_env, repo, api, tmp_path
):
    import models

    folder = models.make_qwen3(tmp_path / "model")
    name = f"{repo}-revised"
    assert run(REVISIONS, hub_env | {"OMP_NUM_THREADS": "1"}, folder, name) == {
        "pinned": [1.0, 2.0],
        "main": 2.0,
        "proposed": ["refs/pr/1", 3.0],
        "branch": "{{ messages }}",
        "adapters": [2, 4],
        "refused": "RepositoryNotFoundError",
    }
    assert api.model_info(name).private
    assert api.model_info(f"{name}-adapter").private
    (proposal,) = api.get_repo_discussions(name)
    assert proposal.is_pull_request
    api.merge_pull_request(name, proposal.num)
    assert api.list_repo_commits(name)[0].title.startswith("Upload")
