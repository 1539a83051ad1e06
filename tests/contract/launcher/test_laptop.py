"""The profile `laptop`, and what it pins, behind a Hub that behaves as huggingface.co is documented to."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import HfApi
from public_hub import public_hub
from serving import serve_hub

from launcher.profiles import load_profile
from shared.errors import ExitCode
from shared.refs import split_revision
from starter.dataset import write_dataset
from starter.questions import build_rows
from starter.repos import MODEL_FOLDER

pytestmark = pytest.mark.slow
RUN = load_profile("laptop").run


def publish_under_the_real_names(public, folder):
    """The miniatures at the commits that the profile pins; main has moved on since."""
    write_dataset(folder, build_rows())
    for reference, kind, source in (
        (RUN.base_model, "model", MODEL_FOLDER),
        (RUN.source_dataset, "dataset", folder),
    ):
        repo, pinned = split_revision(reference)
        paths = [path for path in source.rglob("*") if path.is_file()]
        files = {path.relative_to(source).as_posix(): path.read_bytes() for path in paths}
        public.publish(repo, files | {"new.txt": b"new"}, kind, revisions={pinned: files})


def test_a_run_begins_with_the_pinned_model_and_dataset_fetched_once(tmp_path):
    folder = tmp_path / "hub"
    folder.mkdir()

    def launch(command, **variables):
        words = [sys.executable, "-m", "launcher", command, "--profile", "laptop"]
        return subprocess.run(
            words, env=server.env | variables, cwd=tmp_path, capture_output=True, text=True, timeout=300
        )

    with public_hub() as public, serve_hub(folder, tmp_path, "--upstream", public.url) as server:
        publish_under_the_real_names(public, tmp_path / "rows")
        examined = launch("doctor")
        assert examined.returncode == ExitCode.OK, examined.stdout
        for name in ("model     Qwen/Qwen3-0.6B", "dataset   openlifescienceai/medmcqa"):
            assert f"{name}, licence apache-2.0; main has moved on from " in examined.stdout
        rows = {"SPLIT_SFT_ROWS": "20", "SPLIT_GRPO_ROWS": "20", "SPLIT_EVAL_ROWS": "20"}
        begun = launch("split", **rows)
        assert begun.returncode == ExitCode.OK, begun.stderr
        api = HfApi(server.url, server.token)
        [run] = api.list_repo_tree("local/medmcqa-runs", "runs", repo_type="dataset")
        manifest = api.hf_hub_download(
            "local/medmcqa-runs",
            f"{run.path}/manifest.json",
            repo_type="dataset",
            cache_dir=tmp_path / "cache",
        )
        source = json.loads(Path(manifest).read_text())["source"]
        assert [f"{ref['repo_id']}@{ref['commit']}" for ref in (source["base_model"], source["dataset"])] == [
            RUN.base_model,
            RUN.source_dataset,
        ]
        assert len(public.paths("parquet")) == 1
