"""The starter on a real hub."""

import pytest
from datasets import load_dataset

from shared.errors import BadInput
from shared.hub import Hub
from shared.question import COLUMNS
from starter.push import push_dataset, push_model
from starter.questions import build_rows


@pytest.fixture
def hub(hub_server):
    return Hub(hub_server.url, hub_server.token)


@pytest.fixture
def model_folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"\x00" * 1000)
    (folder / "config.json").write_text("{}")
    return folder


def test_the_questions_are_pushed_once_and_read_back_as_they_were_made(hub):
    first = push_dataset(hub)
    parquet = hub.download(first, "data/train-00000-of-00001.parquet")
    loaded = load_dataset("parquet", data_files=str(parquet), split="train")

    assert push_dataset(hub) == first
    assert first.repo_id == "starter/medmcqa-mini"
    assert loaded.column_names == list(COLUMNS)
    assert loaded.to_list() == build_rows()


def test_the_model_is_committed_again_only_when_it_has_changed(hub, model_folder):
    first = push_model(hub, model_folder)
    again = push_model(hub, model_folder)
    (model_folder / "model.safetensors").write_bytes(b"\x01" * 1000)
    changed = push_model(hub, model_folder)

    assert first.repo_id == "starter/qwen3-mini"
    assert again == first
    assert changed.commit != first.commit
    assert hub.read_bytes(changed, "model.safetensors") == b"\x01" * 1000


def test_a_folder_without_weights_is_not_pushed(hub, tmp_path):
    with pytest.raises(BadInput, match=r"No model\.safetensors in .*python -m starter train"):
        push_model(hub, tmp_path)
