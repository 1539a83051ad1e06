"""What a user gets wrong is refused in one line, with its exit code, before a job is launched."""

import os
import re
import subprocess
import sys

import pytest

from launcher.arguments import parse_arguments
from launcher.commands import COMMANDS
from shared.errors import ExitCode
from shared.runs import ManifestStore


def refusal(result, code):
    """The one line that a refusal prints, and nothing else."""
    assert (result.returncode, result.stdout) == (code, ""), result.stderr
    (line,) = [line for line in result.stderr.splitlines() if not line.startswith("Begin run")]
    return line


def test_an_unknown_profile(launch):
    line = refusal(launch("sft", "--profile", "dmeo"), ExitCode.BAD_INPUT)
    assert line.startswith("error: There is no profile dmeo. Known profiles: demo, ")


def test_an_unknown_setting_in_a_profile(launch, write_profile, sources):
    profile = write_profile(*sources, "[grpo]\nlearning_rat = 0.1\n")
    line = refusal(launch("split", "--profile", profile), ExitCode.BAD_INPUT)
    assert "no setting learning_rat (in [grpo] of profile mine). Did you mean learning_rate?" in line


def test_a_misspelled_variable_of_a_late_phase_is_refused_before_the_first(
    launch, write_profile, sources, hub
):
    result = launch("split", "--profile", write_profile(*sources), EVAL_BATCHSIZE="4")
    line = refusal(result, ExitCode.BAD_INPUT)
    assert line == (
        "error: There is no setting EVAL_BATCHSIZE (in the environment). Did you mean EVAL_BATCH_SIZE?"
    )


def test_a_source_dataset_that_is_not_there(launch):
    line = refusal(launch("split", "--source-dataset", "local/nothing"), ExitCode.BAD_INPUT)
    assert line.startswith("error: The source dataset local/nothing cannot be used. Not found")
    assert line.endswith("A local hub fetches what is public with UPSTREAM=https://huggingface.co.")


def test_a_revision_that_the_hub_lacks(launch, write_profile, sources, hub):
    before = len(list(hub.api.list_jobs(namespace=launch.namespace)))
    profile = write_profile(sources[0], f"{sources[1]}@{'0' * 40}")
    line = refusal(launch("split", "--profile", profile), ExitCode.BAD_INPUT)
    reason = f"No such revision while looking up the model repo {sources[1]}. Check the part after '@'"
    assert f"The base model {sources[1]}@{'0' * 40} cannot be used. {reason}" in line
    assert len(list(hub.api.list_jobs(namespace=launch.namespace))) == before


def test_a_base_model_without_a_chat_template(launch, write_profile, sources, hub):
    hub.push_files("local/mute", "model", {"tokenizer_config.json": b"{}"}, "Add tokenizer")
    profile = write_profile(sources[0], "local/mute")
    line = refusal(launch("split", "--profile", profile), ExitCode.BAD_INPUT)
    assert line.startswith("error: The base model local/mute has no chat template")


def test_results_before_any_run(launch):
    line = refusal(launch("results"), ExitCode.BAD_INPUT)
    assert line == (
        f"error: There is no run in {launch.namespace}/medmcqa-runs yet. Begin one: make sft grpo eval report."
    )


def test_results_of_what_no_run_was_begun_with(split_done):
    line = refusal(split_done("results", "--profile", "dmeo", "--seed", "7"), ExitCode.BAD_INPUT)
    assert line == (
        f"error: There is no run with PROFILE=dmeo SEED=7 in {split_done.namespace}/medmcqa-runs. "
        "Begin one: make sft grpo eval report PROFILE=dmeo SEED=7; list the others: make runs."
    )


def test_a_namespace_that_none_can_be(launch):
    result = launch("runs", "--namespace", "a/b")
    line = refusal(result, ExitCode.BAD_INPUT)
    assert line.startswith("error: NAMESPACE: a/b is no name of a user or an organisation")


def test_a_run_that_does_not_exist(launch):
    line = refusal(launch("manifest", "--run", "nosuchrun"), ExitCode.BAD_INPUT)
    assert line.startswith(f"error: There is no run nosuchrun in {launch.namespace}/medmcqa-runs. List them")


def test_a_hub_that_does_not_answer(launch):
    result = launch("manifest", "--run", "r", HF_ENDPOINT="http://127.0.0.1:9")
    assert (result.returncode, result.stdout) == (ExitCode.INTERNAL_ERROR, "")
    *notices, line = result.stderr.splitlines()
    assert all("; trying again in " in notice for notice in notices)
    assert line.startswith("error: The Hub did not answer")
    assert "make hub" in line


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("HF_ENDPOINT", "http://h:80x", "HF_ENDPOINT is 'http://h:80x', which is no address of a Hub. "),
        ("HF_TOKEN", "hf_…", "HF_TOKEN holds a character that no token has"),
    ],
)
def test_what_the_client_would_fail_over_is_refused_before_it_is_imported(
    tmp_path, variable, value, complaint
):
    environment = {"PATH": os.environ["PATH"], variable: value}
    command = [sys.executable, "-m", "launcher", "runs"]
    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    line = refusal(result, ExitCode.BAD_INPUT)
    assert line.startswith(f"error: {complaint}")


def test_a_dataset_without_the_columns_fails_the_split_with_the_jobs_own_error(
    launch, write_profile, sources, hub
):
    hub.push_files("local/odd", "dataset", {"train.jsonl": b'{"id": "q", "text": "no options"}'}, "Add rows")
    result = launch("split", "--profile", write_profile("local/odd", sources[1]))
    assert result.returncode == ExitCode.BAD_INPUT
    last = result.stderr.splitlines()[-1]
    assert re.match(r"error: split failed in job \w+: .*opa.* Its log: make logs PHASE=split\.$", last), last


def test_results_of_a_run_that_was_not_evaluated(split_done, profile):
    # By its profile as the run was begun, which is a path.
    line = refusal(split_done("results", "--profile", profile), ExitCode.UPSTREAM_NOT_READY)
    assert line.endswith("has no results: eval is pending. Evaluate it: make eval.")


def test_a_manifest_of_a_newer_schema(split_done, colleague, hub):
    manifest = split_done.manifest()
    newer = manifest.model_dump_json().replace('"schema_version":1', '"schema_version":2')
    repo_id = ManifestStore(hub, colleague.namespace).repo_id
    hub.push_files(
        repo_id, "dataset", {f"runs/{manifest.run_id}/manifest.json": newer.encode()}, "From the future"
    )
    line = refusal(colleague("sft"), ExitCode.BAD_INPUT)
    complaint = f"The manifest of run {manifest.run_id} has schema 2, this code knows 1. Update your checkout"
    assert line.startswith(f"error: {complaint}")
    # It hides no other run.
    listed = colleague("runs")
    assert (listed.returncode, listed.stderr.startswith(f"warning: {complaint}")) == (0, True)
    assert re.search(rf"^ *{manifest.run_id} +cannot be read", listed.stdout, re.MULTILINE)


def test_a_wrong_option_is_named_as_the_variable_of_make(monkeypatch, capsys):
    for arguments, complaint in (
        (["sft", "--seed", "x"], "SEED: x: Input should be a valid integer"),
        (["sft", "--budget-usd", "-1"], "BUDGET_USD: -1: Input should be greater than or equal to 0"),
        (["results", "--format", "xml"], "FORMAT: invalid choice: 'xml' (choose from 'table', 'json')"),
    ):
        monkeypatch.setattr("sys.argv", ["launcher", *arguments])
        with pytest.raises(SystemExit, match=str(int(ExitCode.BAD_INPUT))):
            parse_arguments(COMMANDS, None)
        [line] = capsys.readouterr().err.splitlines()
        assert line.startswith(f"error: {complaint}")
        assert line.endswith(". See: make help")
