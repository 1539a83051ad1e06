"""What the GitHub workflows call must be there, and what CI runs must be what `.ci/run` runs."""

import json
import os
import re
import shutil
import subprocess
import tomllib

import pytest
from workflows.expressions import Expression, Unsupported, fill, is_met
from workflows.files import ROOT, WORKFLOWS, list_steps, load_workflow, make_targets
from workflows.runner import SHELLS, JobRun, Occasion

NAMES = sorted(file.stem for file in WORKFLOWS.glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
# What GitHub adds: the tests in containers build the images themselves.
ONLY_ON_GITHUB = {"images", "summary", "hub-stop"}


def scripts(name):
    return [step["run"] for _, step in list_steps(load_workflow(name)) if "run" in step]


def is_target(name):
    known = re.findall(r"^([a-z][\w %-]*):", MAKEFILE, re.MULTILINE)
    patterns = [word for line in known for word in line.split()]
    return any(re.fullmatch(pattern.replace("%", ".+"), name) for pattern in patterns)


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_that_a_workflow_calls_exists(name):
    called = [target for script in scripts(name) for target in make_targets(script)]
    assert called
    assert [
        target for target in called if not is_target(target.strip('"').replace("$service", "reporter"))
    ] == []


def test_ci_and_the_local_run_call_the_same_make_targets():
    github = {target for script in scripts("ci") for target in make_targets(script)}
    here = (ROOT / ".ci" / "run").read_text("utf-8")
    called_here = set(make_targets(re.sub(r"#.*", "", here)))
    assert github - ONLY_ON_GITHUB == called_here - {"workflow"} | workflow_jobs(here)


def workflow_jobs(script):
    """Targets of the jobs that a script runs as they stand in ci.yml."""
    jobs = re.findall(r"make workflow WORKFLOW=ci JOB=(\w+)", script)
    steps = list_steps(load_workflow("ci"))
    found = {target for job, step in steps if job in jobs for target in make_targets(step.get("run", ""))}
    return found - ONLY_ON_GITHUB


def test_ci_tests_every_python_from_the_oldest_that_is_allowed():
    pythons = load_workflow("ci")["jobs"]["test"]["strategy"]["matrix"]["python"]
    for project in ROOT.glob("*/*/pyproject.toml"):
        required = tomllib.loads(project.read_text("utf-8"))["project"]["requires-python"]
        assert required == f">={pythons[0]}", project
    assert pythons == [f"3.{minor}" for minor in range(11, 11 + len(pythons))]


def test_every_service_has_its_image_published():
    services = load_workflow("images")["jobs"]["build"]["env"]["SERVICES"].split()
    assert sorted(services) == sorted(file.parent.name for file in ROOT.glob("services/*/Dockerfile"))


def test_what_every_image_holds_reaches_the_job_that_looks_it_up():
    jobs = load_workflow("images")["jobs"]
    (kept,) = (step["with"] for step in jobs["build"]["steps"] if "upload-artifact" in step.get("uses", ""))
    assert kept["path"].split() == ["images.txt", "*.packages"]
    audit = jobs["audit"]
    (taken,) = (step["with"] for step in audit["steps"] if "download-artifact" in step.get("uses", ""))
    assert (audit["needs"], taken["name"]) == ("build", kept["name"])
    assert audit["steps"][-1]["run"] == 'make audit-images LISTS="images/*.packages"'


# An engine knows an image that was pushed by both of its names, in either order.
ENGINE = """#!/bin/sh
echo "$@" >> calls
test "$1 $2" = "image inspect" || exit 0
name=${5%:*}
echo "medmcqa-${name##*-}@sha256:0${name##*-}"
echo "$name@sha256:0${name##*-}"
"""


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq, which GitHub's machines have, is not installed")
def test_each_image_is_pushed_and_attested_by_its_digest_in_the_registry(tmp_path):
    steps = load_workflow("images")["jobs"]["build"]["steps"]
    (script,) = (step["run"] for step in steps if step.get("id") == "push")
    engine = tmp_path / "docker"
    engine.write_text(ENGINE)
    engine.chmod(0o755)
    variables = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "SERVICES": "reporter evaluator",
        **{"TAG": "v1", "OWNER": "Me", "TOKEN": "hush"},
        **{"GITHUB_OUTPUT": "output", "GITHUB_STEP_SUMMARY": "summary"},
    }
    subprocess.run([*SHELLS["bash"], "-c", script], cwd=tmp_path, env=variables, check=True)
    images = [f"ghcr.io/me/medmcqa-{name}@sha256:0{name}" for name in ("reporter", "evaluator")]
    assert (tmp_path / "images.txt").read_text().splitlines() == images
    assert (tmp_path / "summary").read_text().splitlines() == [f"- `{image}`" for image in images]
    told = json.loads((tmp_path / "output").read_text().removeprefix("images="))
    assert told[0] == {
        "service": "reporter",
        "name": "ghcr.io/me/medmcqa-reporter",
        "digest": "sha256:0reporter",
    }
    calls = (tmp_path / "calls").read_text()
    assert "push ghcr.io/me/medmcqa-evaluator:v1" in calls
    assert "hush" not in calls


def test_the_lock_is_looked_up_every_week_and_where_it_or_what_is_accepted_changes():
    workflow = load_workflow("audit")
    for event in ("push", "pull_request"):
        assert workflow["on"][event]["paths"] == ["constraints.txt", "osv-scanner.toml"]
    assert re.fullmatch(r"\d+ \d+ \* \* \d", workflow["on"]["schedule"][0]["cron"])
    assert workflow["permissions"] == {"contents": "read"}
    assert [step["run"] for _, step in list_steps(workflow) if "run" in step][-1] == "make audit"


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned_by_commit_with_their_version_beside(name):
    text = (WORKFLOWS / f"{name}.yml").read_text("utf-8")
    uses = re.findall(r"uses: (.*)", text)
    assert uses
    assert [
        use for use in uses if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)
    ] == []
    assert "persist-credentials: false" in text or "actions/checkout" not in text


@pytest.mark.parametrize("name", NAMES)
def test_only_a_machine_of_githubs_is_changed_as_root(name):
    steps = [step for _, step in list_steps(load_workflow(name)) if "sudo" in step.get("run", "")]
    assert {step.get("if") for step in steps} <= {"runner.environment == 'github-hosted'"}


def test_one_action_has_one_version():
    uses = {
        use for name in NAMES for use in re.findall(r"uses: (\S+)", (WORKFLOWS / f"{name}.yml").read_text())
    }
    assert len({use.partition("@")[0] for use in uses}) == len(uses)


def test_retraining_needs_one_secret_and_reads_the_code_alone():
    text = (WORKFLOWS / "retrain.yml").read_text("utf-8")
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"HF_TOKEN"}
    workflow = load_workflow("retrain")
    assert workflow["permissions"] == {"contents": "read"}
    assert not any("permissions" in job for job in workflow["jobs"].values())
    assert not any("HF_TOKEN" in place.get("env", {}) for place in (workflow, *workflow["jobs"].values()))
    assert workflow["concurrency"]["cancel-in-progress"] is False


CONTEXTS = {
    "inputs": {"name": "", "on": True},
    "vars": {"NAME": "v"},
    "env": {"RUN": "r"},
    "github": {"event": {}},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("inputs.name || vars.NAME || 'own'", "v"),
        ("inputs.name || vars.OTHER || 'it''s'", "it's"),
        ("!inputs.name && (env.RUN == 'r')", True),
        ("github.event.repository.private != true", True),
        ("vars.NAME == 'v' && inputs.on", True),
    ],
)
def test_expressions_are_read_as_github_reads_them(text, value):
    assert Expression(text).evaluate(CONTEXTS, {}) == value


def test_a_missing_property_fills_in_nothing():
    assert fill("a${{ vars.OTHER }}b${{ inputs.on }}", CONTEXTS) == "abtrue"


@pytest.mark.parametrize("text", ["hashFiles('x')", "matrix.a", "env.RUN ==", "env.RUN env.RUN", "a > b"])
def test_what_is_not_known_is_refused(text):
    with pytest.raises(Unsupported, match=r".+: "):
        Expression(text).evaluate(CONTEXTS, {})


@pytest.mark.parametrize(
    ("condition", "after_success", "after_failure"),
    [
        (None, True, False),
        ("env.RUN != ''", True, False),
        ("always() && env.RUN != ''", True, True),
        ("${{ failure() }}", False, True),
        ("vars.NAME == 'other'", False, False),
    ],
)
def test_a_step_runs_after_success_unless_it_says_otherwise(condition, after_success, after_failure):
    for succeeded, met in ((True, after_success), (False, after_failure)):
        functions = {
            "success": lambda ok=succeeded: ok,
            "failure": lambda ok=succeeded: not ok,
            "always": lambda: True,
        }
        assert is_met(condition, CONTEXTS, functions) is met


WORKFLOW = """
on: {workflow_dispatch: {inputs: {who: {default: nobody}}}}
env: {GREETING: hello}
jobs:
  greet:
    env: {LINE: "${{ env.GREETING }} ${{ inputs.who }}"}
    steps:
      - uses: actions/checkout@0
      - id: said
        run: |
          echo "$LINE" > said.txt
          echo "loud=$LINE!" >> "$GITHUB_OUTPUT"
          echo "KEPT=kept" >> "$GITHUB_ENV"
      - name: break
        env: {SECRET: "${{ secrets.TOKEN }}"}
        run: |
          test "$SECRET" = hush
          false
          echo not reached
      - run: echo not reached either
      - if: always()
        run: echo "$KEPT ${{ steps.said.outputs.loud }}" >> "$GITHUB_STEP_SUMMARY"
      - if: failure()
        uses: actions/upload-artifact@0
        with: {name: "what-${{ env.KEPT }}", path: said.*}
"""


def test_a_job_is_run_step_by_step_as_github_would(tmp_path, monkeypatch):
    (tmp_path / "toy.yml").write_text(WORKFLOW)
    monkeypatch.setattr("workflows.files.WORKFLOWS", tmp_path)
    occasion = Occasion(inputs={"who": "you"}, secrets={"TOKEN": "hush"}, event="workflow_dispatch")
    result = JobRun("toy", "greet", tmp_path, tmp_path / "artifacts", occasion, lambda line: None).run()
    assert not result.succeeded
    assert list(result.outcomes.values()) == [
        "success",
        "success",
        "failure",
        "skipped",
        "success",
        "success",
    ]
    assert result.summary == "kept hello you!\n"
    assert "not reached" not in result.output
    assert (tmp_path / "artifacts" / "what-kept" / "said.txt").read_text() == "hello you\n"


def test_an_action_or_an_input_that_is_not_known_is_refused(tmp_path, monkeypatch):
    (tmp_path / "toy.yml").write_text(WORKFLOW.replace("actions/checkout", "someone/else"))
    monkeypatch.setattr("workflows.files.WORKFLOWS", tmp_path)
    for inputs, message in (({}, "the action someone/else"), ({"whom": "x"}, "no input whom")):
        job = JobRun("toy", "greet", tmp_path, tmp_path, Occasion(inputs=inputs), lambda line: None)
        with pytest.raises(Unsupported, match=message):
            job.run()
