"""`seeds` and `compare`: which runs are begun or continued, what happens when one fails, and what is pooled."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from evaluated_runs import push_evaluated_run

from launcher.current import Wanted
from launcher.several import parse_seeds, run_seeds
from shared.errors import BadInput, ExitCode, GuardTripped
from shared.hub import Hub
from shared.runs import ManifestStore

RIGHT = {"base": 15, "sft": 40, "grpo": 44}


@dataclass
class EvaluatedSeeds:
    """Takes the place of the phases: each seed's run has been evaluated already, but for those that fail."""

    store: ManifestStore
    fails: tuple[int, ...] = ()
    namespace: str = "local"
    asked: list[tuple[str, int | None, str | None]] = field(default_factory=list)

    def run(self, phase, wanted):
        self.asked.append((phase, wanted.seed, wanted.run_id))
        if phase == "grpo" and wanted.seed in self.fails:
            raise GuardTripped("The chain is broken.")
        return wanted.run_id or push_evaluated_run(
            self.store, RIGHT, seed=wanted.seed, first_row=1000 * wanted.seed
        )


@pytest.fixture
def phases(hub_server, tmp_path, monkeypatch):
    """The evaluated seeds of a hub, in a folder of their own."""
    for name in ("HF_ENDPOINT", "HF_TOKEN", "HF_HOME"):
        monkeypatch.setenv(name, hub_server.env[name])
    monkeypatch.chdir(tmp_path)
    store = ManifestStore(Hub(hub_server.url, hub_server.token), "local")
    return lambda **changes: EvaluatedSeeds(store, **changes)


def test_every_phase_of_every_seed_is_run_in_one_run_a_seed_and_pooled(phases, tmp_path, capfd):
    seeds = phases()
    assert run_seeds(seeds, Wanted(profile="mine"), [3, 5], keep_going=False) == ExitCode.OK
    assert [(phase, seed) for phase, seed, _ in seeds.asked] == [
        (phase, seed) for seed in (3, 5) for phase in ("sft", "grpo", "eval", "report")
    ]
    first, *others = (run_id for _, seed, run_id in seeds.asked if seed == 3)
    assert (first, len(set(others))) == (None, 1)
    assert (tmp_path / "reports/seeds-mine-3-5/seeds.html").is_file()
    out, err = capfd.readouterr()
    assert "Profile mine, 2 seeds" in out
    assert [line for line in err.splitlines() if line.startswith("Seed")] == [
        "Seed 3, 1 of 2.",
        "Seed 5, 2 of 2.",
    ]


def test_a_seed_that_fails_ends_the_command_and_says_how_to_go_on(phases, tmp_path, capfd):
    seeds = phases(fails=(0,))
    with pytest.raises(GuardTripped):
        run_seeds(seeds, Wanted(), [0, 1], keep_going=False)
    assert {seed for _, seed, _ in seeds.asked} == {0}
    assert "Seed 0 failed: The chain is broken.\nThe other seeds can be" in capfd.readouterr().err
    assert not (tmp_path / "reports").exists()


def test_the_others_are_run_and_pooled_where_that_is_asked_for(phases, tmp_path):
    seeds = phases(fails=(1,))
    assert run_seeds(seeds, Wanted(), [0, 1, 2], keep_going=True) == ExitCode.GUARD_TRIPPED
    page = (tmp_path / "reports/seeds-mine-0-2/seeds.md").read_text()
    assert "Seed 1 failed and is not in here" in page


def test_one_seed_that_is_left_is_not_pooled(phases):
    with pytest.raises(GuardTripped):
        run_seeds(phases(fails=(0,)), Wanted(), [0, 1], keep_going=True)


@pytest.mark.parametrize("text", ["", "0", "1 1", "0 x", "0 -1", "0 4294967296"])
def test_what_are_no_seeds_is_refused(text):
    with pytest.raises(BadInput, match=r'make seeds SEEDS="0 1 2"'):
        parse_seeds(text)


def test_seeds_are_read_as_they_are_typed():
    assert parse_seeds(" 2 0\t1 ") == [2, 0, 1]


def test_a_run_and_seeds_do_not_go_together(phases):
    with pytest.raises(BadInput, match="leave RUN out"):
        run_seeds(phases(), Wanted(run_id="a"), [0, 1], keep_going=False)


@pytest.mark.slow
def test_the_command_begins_a_run_for_each_seed(toy_launch, toy_store, toy_profile, tmp_path):
    # The toys train no model that GRPO could begin with: both seeds end before its job.
    profile = tmp_path / "no-grpo.toml"
    profile.write_text(f'{Path(toy_profile).read_text()}[launch.grpo]\nimage = "hf.co/spaces/a/b"\n')
    result = toy_launch("seeds", "--seeds", "4 6", "--keep-going", "--profile", str(profile))
    assert result.returncode != ExitCode.OK
    assert "Traceback" not in result.stderr
    for seed in (4, 6):
        assert re.search(rf"Seed {seed} failed: .*jobs with 'spaceId'", result.stderr), result.stderr
    runs = [toy_store.read(run_id) for run_id in toy_store.list_run_ids()]
    assert sorted(run.seed for run in runs) == [4, 6]
    assert {run.phases["sft"].status for run in runs} == {"succeeded"}


def test_compare_without_runs_says_how_to_name_them(launch):
    result = launch("compare")
    assert (result.returncode, result.stderr) == (
        ExitCode.BAD_INPUT,
        'error: Which runs? make compare RUNS="A B"; list them: make runs.\n',
    )
