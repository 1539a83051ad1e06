"""Publishing again, as after a failure at the end of a training, is not publishing twice."""

import pytest
from models import make_question
from peft import PeftModel
from training_run import make_run
from transformers import AutoTokenizer

from sft_trainer.settings import SftSettings
from shared.errors import GuardTripped
from shared.job import Job
from shared.lm.publish import publish_models

QUESTIONS = [make_question(number) for number in range(6)]


@pytest.fixture
def publish(hub_server, base_folder, tmp_path):
    """Publishes a model, each time from folders of its own, as attempts do."""
    (tmp_path / "data").mkdir()
    run = make_run(hub_server, base_folder, tmp_path / "data")
    manifest = run.store.read(run.run_id)
    base, data = manifest.source.base_model, manifest.phases["split"].outputs["data"]
    settings = SftSettings(run_id=run.run_id, namespace="local")

    def attempt(trained: PeftModel):
        workdir = tmp_path / f"attempt-{len(list(tmp_path.iterdir()))}"
        workdir.mkdir()
        job = Job(
            "sft", settings, run.hub, run.store, manifest, {"data": data, "base": base}, workdir, workdir
        )
        return publish_models(job, trained, AutoTokenizer.from_pretrained(base_folder), base, QUESTIONS)

    return attempt


def test_publishing_the_same_again_makes_no_commit(publish, adapt, base_folder, hub):
    first = publish(adapt(base_folder))
    assert publish(adapt(base_folder)) == first
    for ref in first.values():
        assert len(hub.api.list_repo_commits(ref.repo_id)) == 2
    assert publish(adapt(base_folder, seed=1))["model"] != first["model"]


def test_a_model_that_learned_nothing_is_not_published(publish, adapt, base_folder, hub):
    trained = adapt(base_folder)
    for name, parameter in trained.named_parameters():
        if "lora_B" in name:
            parameter.data.zero_()
    with pytest.raises(GuardTripped, match="SFT changed no weight: merged, it is starter/base-"):
        publish(trained)
