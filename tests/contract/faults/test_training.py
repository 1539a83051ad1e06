"""A whole training, checkpoints and all, where the Hub is hard to reach."""

from models import make_qwen3
from training_run import make_run

from shared.errors import ExitCode

SMALL = ("--max-steps=2", "--batch-size=8", "--micro-batch-size=8", "--logging-steps=1")


def test_a_training_in_a_bad_network_ends_with_the_same_weights(bad_network, hub_server, titles, tmp_path):
    base = make_qwen3(tmp_path / "base")
    proxy = bad_network(seed=3, probability=0.1, in_a_row=1, stall_seconds=0.3)
    ways = {
        "undisturbed": {},
        "disturbed": {"HF_ENDPOINT": proxy.url, "HF_HOME": str(tmp_path / "home")},
    }
    phases = {}
    for way, environment in ways.items():
        (tmp_path / way).mkdir()
        run = make_run(hub_server, base, tmp_path / way)
        done = run.start("sft_trainer", *SMALL, **environment)
        assert (done.returncode, "Traceback" in done.stderr) == (ExitCode.OK, False), done.stderr
        phases[way] = run.phase("sft")
        assert len(phases[way].attempts) == 1
        for output in ("model", "adapter"):
            assert len(titles(phases[way].outputs[output].repo_id)) == 1
    fingerprints = {phase.outputs["model"].fingerprint for phase in phases.values()}
    assert len(fingerprints) == 1
    assert phases["disturbed"].metrics == phases["undisturbed"].metrics
    assert proxy.counts.total() > 3
