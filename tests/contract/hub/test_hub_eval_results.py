"""Results in `.eval_results/`, as the official client reads them from a model's info."""

import pytest
from huggingface_hub import EvalResultEntry

from shared.hub import Hub

GOOD = b"- dataset: {id: me/questions, task_id: eval}\n  value: 0.5\n"


@pytest.fixture
def results(hub_server, tmp_path):
    """Pushes a model with files and returns what the client makes of its results."""
    hub = Hub(hub_server.url, hub_server.token)

    def push(**files):
        repo_id = f"local/{tmp_path.name.replace('_', '-')[-40:]}"
        placed = {f".eval_results/{name}.yaml": content for name, content in files.items()}
        hub.push_files(repo_id, "model", {"config.json": b"{}", **placed}, "Add results")
        return hub.api.model_info(repo_id, expand=["evalResults"]).eval_results

    return push


def test_every_entry_of_every_file_is_read(results):
    more = GOOD.replace(b"eval}", b"test}") + GOOD.replace(b"0.5", b"0.25")
    assert results(a=GOOD, b=more) == [
        EvalResultEntry(dataset_id="me/questions", task_id="eval", value=0.5),
        EvalResultEntry(dataset_id="me/questions", task_id="test", value=0.5),
        EvalResultEntry(dataset_id="me/questions", task_id="eval", value=0.25),
    ]


def test_a_model_without_results_has_none(results):
    assert results() is None


@pytest.mark.parametrize("broken", [b"- [", b"value: 1", b"- dataset: {id: a/b}\n  value: 1\n", b"- 1"])
def test_a_file_that_cannot_be_read_is_skipped_with_a_warning(results, broken, caplog):
    assert results(a=broken, b=GOOD) == [
        EvalResultEntry(dataset_id="me/questions", task_id="eval", value=0.5)
    ]
    assert "Skipping invalid eval results file '.eval_results/a.yaml'" in caplog.text
