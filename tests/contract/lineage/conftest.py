"""Models on a real hub that are what they claim, for tests to exchange one of them."""

import pytest
import torch
from models import make_qwen3
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from shared.hub import Hub
from shared.lm.adapters import save_adapter, weight_fingerprint


@pytest.fixture(scope="session")
def hub(hub_server):
    return Hub(hub_server.url, hub_server.token)


@pytest.fixture(scope="session")
def base_folder(tmp_path_factory):
    return make_qwen3(tmp_path_factory.mktemp("base"))


@pytest.fixture
def push(hub, unique):
    """Pushes a folder under a name of its own and records its weights' fingerprint if it holds any."""

    def run(name, folder):
        ref = hub.push_folder(f"local/{name}-{unique}", "model", folder, "Add a model")
        if not (folder / "config.json").exists():
            return ref
        model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
        return ref.model_copy(update={"fingerprint": weight_fingerprint(model)})

    return run


@pytest.fixture
def unique(tmp_path):
    return f"{tmp_path.parent.name}-{tmp_path.name}".replace("_", "-").lower()[-60:]


@pytest.fixture(scope="session")
def adapt():
    """Returns a model with an adapter that is not trained, but changes what it says."""

    def run(model_folder, seed=0) -> PeftModel:
        torch.manual_seed(seed)
        model = AutoModelForCausalLM.from_pretrained(model_folder, dtype="auto")
        config = LoraConfig(
            target_modules=["v_proj", "down_proj"],
            lora_alpha=64,
            init_lora_weights=False,
            task_type="CAUSAL_LM",
        )
        return get_peft_model(model, config)

    return run


@pytest.fixture
def make_adapter(adapt, tmp_path):
    """Writes an adapter that changes its model, naming any base."""

    def run(model_folder, named_base, seed=0):
        folder = tmp_path / f"adapter-{seed}"
        save_adapter(adapt(model_folder, seed), named_base, folder)
        AutoTokenizer.from_pretrained(model_folder).save_pretrained(folder)
        return folder

    return run
