"""The whole pipeline on a model that is not the starter's."""

import pytest
from pipeline import FEW_ANSWERS, run_all

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
# Enough for a tiny model of random weights to answer in JSON, so that there is something to reward.
TEACHING = {
    "SFT_MAX_STEPS": "100",
    "SFT_LEARNING_RATE": "0.01",
    "SFT_LORA__RANK": "32",
    "SFT_LORA__ALPHA": "64",
    "SFT_LORA__DROPOUT": "0",
    "SFT_LORA__TARGET_MODULES": '["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]',
    "SFT_VALIDATION__STEPS": "50",
    "GRPO_LEARNING_RATE": "0.01",
    "GRPO_MAX_COMPLETION_LENGTH": "128",
}


def test_another_architecture_without_a_system_role_runs_to_the_end(launch, hub, tmp_path):
    from models import make_llama  # brings torch, which only this test needs

    repo_id = f"{launch.namespace}/tiny-llama"
    hub.push_folder(repo_id, "model", make_llama(tmp_path / "llama", "raises"), "Add model")
    run_all(launch, "--base-model", repo_id, **TEACHING, **FEW_ANSWERS)
    manifest = launch.manifest()
    assert manifest.source.base_model.repo_id == repo_id
    assert manifest.phases["report"].status == "succeeded"
