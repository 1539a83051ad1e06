"""The run that a retraining works on, chosen on a real hub."""

from datetime import UTC, datetime

import pytest

from launcher.current import Wanted
from launcher.profiles import load_profile
from launcher.resume import resume_or_begin
from shared.decision import GATE_FILE, GateRecord, Judged


@pytest.fixture
def moving(hub, sources, write_profile):
    """A profile whose dataset is nobody else's, and what changes that."""
    rows = hub.read_bytes(hub.resolve("local/questions", "dataset"), "train.jsonl")
    hub.push_files("local/moving-questions", "dataset", {"train.jsonl": rows}, "Add rows")

    def move():
        hub.push_files("local/moving-questions", "dataset", {"train.jsonl": rows + b"\n" + rows}, "Add more")

    return write_profile("local/moving-questions", "local/chatty"), move


def test_a_run_is_gone_on_with_until_it_is_judged_or_there_is_something_new_to_train_on(
    launch, store, moving, monkeypatch
):
    profile, move = moving
    begun = launch("resume", "--profile", profile, "--seed", "7")
    assert begun.returncode == 0, begun.stderr
    run_id = begun.stdout.strip()
    assert store.list_run_ids() == [run_id]

    def taken(**wanted):
        """What would be gone on with, None where a run would begin."""
        monkeypatch.setattr("launcher.resume.begin_run", lambda *_, **__: None)
        return resume_or_begin(
            store, launch.namespace, load_profile(profile), Wanted(**{"seed": 7, **wanted})
        )

    assert taken().run_id == run_id
    assert taken(run_id=run_id, seed=8).run_id == run_id
    assert taken(base_model="local/chatty@main").run_id == run_id
    assert taken(seed=8) is None
    assert taken(base_model="starter/other") is None

    def finish(manifest):
        for phase in manifest.phases.values():
            phase.status = "succeeded"

    store.update(run_id, finish, "Finish")
    assert taken().run_id == run_id
    move()
    assert taken() is None
    store.update(
        run_id, lambda manifest: setattr(manifest.phases["eval"], "status", "interrupted"), "Cut off"
    )
    assert taken().run_id == run_id
    store.update(run_id, finish, "Finish")
    side = Judged(name="sft", predictions=store.read(run_id).source.dataset)
    judged = GateRecord(
        run_id=run_id,
        may_replace=False,
        in_use=side,
        this_run=side,
        failed=[],
        rules={},
        judged_at=datetime.now(UTC),
    )
    store.publish_files(run_id, {GATE_FILE: judged.model_dump_json().encode()}, "Judge")
    assert taken() is None
