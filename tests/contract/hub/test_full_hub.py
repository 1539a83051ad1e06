"""What a job says when the hub has no space left."""

import pytest

from shared.errors import PipelineError
from shared.hub import Hub


def test_a_model_that_does_not_fit_is_refused_in_one_line(start_hub, tmp_path):
    hub = start_hub(tmp_path / "hub", largest_file=2**20)
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(bytes(2**22))
    with pytest.raises(
        PipelineError, match=r"The Hub has no space left while pushing to local/model: .*Free some"
    ):
        Hub(hub.url, hub.token).push_folder("local/model", "model", folder, "Add model")
