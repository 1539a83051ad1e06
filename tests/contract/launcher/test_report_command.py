"""`report` and `verify`: what looks at a run never launches its training."""

from launching import Launcher

from shared.errors import ExitCode


def test_a_report_of_an_unfinished_run_launches_the_report_alone(sft, toy_launch, toy_store, jobs):
    run_id, command = sft([])
    for number in (1, 2):  # What is unfinished may have got further, so its report is made anew.
        result = toy_launch("report", *command[1:])
        assert result.returncode == 0, result.stderr
        assert len(jobs(run_id, "report")) == number
    assert len(jobs(run_id)) == 0
    page = toy_launch.folder / "reports" / run_id / "report.html"
    assert page.read_text() == "succeeded,pending,pending,pending,running"
    assert toy_store.read(run_id).phases["report"].status == "succeeded"


def test_a_report_of_a_finished_run_is_up_to_date(sft, toy_launch, toy_store, jobs):
    run_id, command = sft([])

    def finish(manifest):
        for phase in ("sft", "grpo", "eval"):
            manifest.phases[phase].status = "succeeded"
            ref = manifest.phases["split"].outputs["data"]
            manifest.phases[phase].outputs = {"predictions" if phase == "eval" else "model": ref}

    toy_store.update(run_id, finish, "finish")
    assert toy_launch("report", *command[1:]).returncode == 0
    result = toy_launch("report", *command[1:])
    assert result.stderr.startswith(f"report is up to date in run {run_id}.\n")
    assert len(jobs(run_id, "report")) == 1


def test_a_report_without_a_run_is_refused(toy_launch):
    result = toy_launch("report")
    assert (result.returncode, result.stderr) == (
        ExitCode.BAD_INPUT,
        f"error: There is no run in {toy_launch.namespace}/medmcqa-runs yet. "
        "Begin one: make sft grpo eval report.\n",
    )


def test_a_report_of_a_run_that_was_not_split_is_refused(sft, toy_launch, toy_store, jobs):
    run_id, command = sft([])

    def forget_split(manifest):
        manifest.phases["split"].status = "failed"

    toy_store.update(run_id, forget_split, "forget")
    result = toy_launch("report", *command[1:])
    assert result.returncode == ExitCode.UPSTREAM_NOT_READY
    assert result.stderr.startswith("error: report needs split, which is failed in run ")
    assert jobs(run_id, "report") == []


def test_verify_passes_the_verdict_on(toys, sft, toy_launch):
    run_id, _ = sft([])
    launch = Launcher(toy_launch.folder, toy_launch.namespace, toy_launch.environment, toys.python)
    result = launch("verify")
    assert result.returncode == ExitCode.GUARD_TRIPPED
    assert result.stdout == f"--run-id {run_id} --namespace {launch.namespace}\n"
