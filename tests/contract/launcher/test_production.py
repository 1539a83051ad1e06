"""The model in production on a real hub: what puts one there, what does not, and how to go back."""

from datetime import UTC, datetime

import pytest
from evaluated_runs import push_evaluated_run

from launcher.gate import judge_run
from launcher.production import read_gate_record, read_production
from launcher.profiles import Profile, RunSection
from launcher.promote import promote_run
from shared.decision import GateRecord, Judged
from shared.errors import ExitCode, GuardTripped, UpstreamNotReady

WORST, BEST = ({"base": 5, "sft": right, "grpo": right - 1} for right in (20, 50))
PROFILE = Profile(
    "mine", RunSection(source_dataset="a/b", base_model="c/d"), {}, {"gate": {"max_schema_loss": 0.1}}
)


@pytest.fixture
def begin_run(hub, store):
    """Makes an evaluated run whose model repos hold what was evaluated, and later weights; returns its manifest."""

    def begin(right):
        run_id = push_evaluated_run(store, right)
        models = {
            name: hub.push_files(
                f"{store.repo_id}-{run_id}-{name}", "model", {"weights": run_id.encode()}, "Train"
            )
            for name in ("sft", "grpo")
        }
        results = hub.push_files(models["sft"].repo_id, "model", {"README.md": b"# Results"}, "Add results")
        hub.push_files(models["sft"].repo_id, "model", {"weights": b"others"}, "Train again")

        def finish(manifest):
            manifest.phases["eval"].inputs = models
            manifest.phases["eval"].outputs["sft_results"] = results

        return store.update(run_id, finish, "Finish")

    return begin


@pytest.fixture
def judge(store, tmp_path, monkeypatch):
    def judge(manifest, baseline=None):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HF_ENDPOINT", store.hub.api.endpoint)
        monkeypatch.setenv("HF_TOKEN", store.hub.api.token)
        return judge_run(store, store.repo_id.partition("/")[0], manifest.run_id, PROFILE, baseline)

    return judge


@pytest.fixture
def record(store):
    """Leaves what the gate would: that a run's sft may, or may not, replace that of another, or its own base."""

    def record(manifest, in_use=None, failed=()):
        side = {
            run.run_id: Judged(name=name, predictions=run.phases["eval"].outputs["predictions"])
            for run, name in ((manifest, "base"), (in_use, "sft"))
            if run
        }
        found = GateRecord(
            run_id=manifest.run_id,
            may_replace=not failed,
            in_use=side[(in_use or manifest).run_id],
            this_run=side[manifest.run_id].model_copy(update={"name": "sft"}),
            failed=list(failed),
            rules={},
            judged_at=datetime.now(UTC),
        )
        store.publish_files(manifest.run_id, {"gate.json": found.model_dump_json().encode()}, "Judge")

    return record


def tagged(hub, manifest):
    """The commit that the tag points at in the run's sft repo, None where it is not there."""
    refs = hub.api.list_repo_refs(manifest.phases["eval"].inputs["sft"].repo_id)
    return next((tag.target_commit for tag in refs.tags if tag.name == "production"), None)


def test_a_first_model_must_beat_its_base_and_a_later_one_the_one_in_production(
    hub, store, begin_run, judge, capfd
):
    worst, best = begin_run(WORST), begin_run(BEST)
    assert judge(worst) == ExitCode.OK
    assert "the run's own base model stands for it" in capfd.readouterr().err
    promote_run(store, worst, force=False)
    assert tagged(hub, worst) == worst.phases["eval"].outputs["sft_results"].commit

    assert judge(best) == ExitCode.OK
    assert (
        f"may replace sft of {worst.phases['eval'].outputs['predictions'].repo_id}" in capfd.readouterr().out
    )
    promote_run(store, best, force=False)
    production = read_production(store)
    assert production.model == best.phases["eval"].outputs["sft_results"]
    assert production.previous == worst.phases["eval"].outputs["sft_results"]
    assert (tagged(hub, worst), tagged(hub, best)) == (None, production.model.commit)

    before = hub.resolve(store.repo_id, "dataset")
    promote_run(store, best, force=False)
    assert hub.resolve(store.repo_id, "dataset") == before
    assert "is in production already" in capfd.readouterr().err

    promote_run(store, worst, force=True)
    assert read_production(store).forced
    assert (tagged(hub, worst) is not None, tagged(hub, best)) == (True, None)


def test_what_did_not_pass_or_was_not_judged_as_it_is_moves_nothing(hub, store, begin_run, record):
    best, worst, late = begin_run(BEST), begin_run(WORST), begin_run(BEST)
    with pytest.raises(UpstreamNotReady, match=f"has not been judged. Judge it: make gate RUN={best.run_id}"):
        promote_run(store, best, force=False)
    record(late)
    record(best)
    promote_run(store, best, force=False)
    record(worst, in_use=best, failed=["accuracy", "Brier score"])
    with pytest.raises(
        GuardTripped, match=r"did not pass the gate \(accuracy, Brier score\): nothing was moved"
    ):
        promote_run(store, worst, force=False)
    with pytest.raises(
        UpstreamNotReady, match=r"was judged against base of .* and sft of .* is in production"
    ):
        promote_run(store, late, force=False)
    again = begin_run(BEST).phases["eval"].outputs["predictions"]
    evaluated = store.update(
        best.run_id, lambda run: run.phases["eval"].outputs.update(predictions=again), "Evaluate again"
    )
    with pytest.raises(UpstreamNotReady, match="was evaluated again since it was judged"):
        promote_run(store, evaluated, force=True)
    assert (tagged(hub, worst), tagged(hub, late)) == (None, None)
    assert read_production(store).run_id == best.run_id


def test_a_promotion_that_was_cut_off_is_completed_by_the_next_call(hub, store, begin_run, record):
    worst, best = begin_run(WORST), begin_run(BEST)
    record(worst)
    promote_run(store, worst, force=False)
    record(best, in_use=worst)
    promote_run(store, best, force=False)
    hub.api.delete_tag(best.phases["eval"].inputs["sft"].repo_id, tag="production")
    old = worst.phases["eval"].outputs["sft_results"]
    hub.api.create_tag(old.repo_id, tag="production", revision=old.commit)
    promote_run(store, best, force=False)
    assert (tagged(hub, worst), tagged(hub, best)) == (None, read_production(store).model.commit)


def test_of_two_launchers_that_promote_at_once_one_is_told_to_judge_again(
    hub, store, begin_run, record, monkeypatch
):
    first, second = begin_run(BEST), begin_run(WORST)
    record(first)
    record(second)
    promote_run(store, first, force=False)
    monkeypatch.setattr("launcher.promote.read_production", lambda store: None)
    with pytest.raises(
        UpstreamNotReady, match=r"was put into production meanwhile. Judge against it: make gate"
    ):
        promote_run(store, second, force=False)
    assert (read_production(store).run_id, tagged(hub, second)) == (first.run_id, None)


def test_the_commands_judge_promote_and_tell_a_refusal_by_its_exit_code(launch, store, begin_run):
    best, worst = begin_run(BEST), begin_run(WORST)
    # A name of its own, as the profile of these runs is nobody's.
    profile = launch.folder / "mine.toml"
    profile.write_text(
        '[run]\nsource_dataset = "a/b"\nbase_model = "c/d"\n[launch]\nimage = "i"\nflavor = "cpu-basic"\n'
        'timeout = "5m"\n[gate]\nmax_schema_loss = 0.1\n'
    )
    named = ("--profile", str(profile))
    assert launch("gate", "--run", best.run_id, *named).returncode == ExitCode.OK
    done = launch("promote", "--run", best.run_id)
    assert (done.returncode, done.stdout) == (ExitCode.OK, "")
    assert launch("gate", "--run", worst.run_id, "--baseline", "production", *named).returncode == 4
    assert read_gate_record(store, worst.run_id).rules["max_schema_loss"] == 0.1
    refused = launch("promote", "--run", worst.run_id)
    assert refused.returncode == ExitCode.GUARD_TRIPPED
    assert refused.stderr.startswith(f"error: Run {worst.run_id} did not pass the gate (accuracy")
    page = launch("summary", "--run", best.run_id).stdout
    assert page.startswith(f"# Run {best.run_id} has not got to split yet")
    assert "## Gate: may replace\n" in page
