"""Puts the starter's dataset and model on the Hub that HF_ENDPOINT names."""

import tempfile
from pathlib import Path

from shared.errors import BadInput
from shared.hub import Hub
from shared.refs import RepoRef
from starter.dataset import write_dataset
from starter.questions import build_rows
from starter.repos import DATASET_REPO, MODEL_FOLDER, MODEL_REPO


def push_dataset(hub: Hub) -> RepoRef:
    """Make the dataset repo hold the question set. Nothing is committed where it does already."""
    with tempfile.TemporaryDirectory() as folder:
        write_dataset(Path(folder), build_rows())
        return hub.push_folder(DATASET_REPO, "dataset", Path(folder), "Add the miniature question set")


def push_model(hub: Hub, folder: Path = MODEL_FOLDER) -> RepoRef:
    """Make the model repo hold the miniature model. Nothing is committed where it does already.

    Raises:
        BadInput: the folder has no weights in it.
    """
    if not (folder / "model.safetensors").is_file():
        raise BadInput(
            f"No model.safetensors in {folder}. Make the miniature model: python -m starter train."
        )
    return hub.push_folder(MODEL_REPO, "model", folder, "Add the miniature model")
