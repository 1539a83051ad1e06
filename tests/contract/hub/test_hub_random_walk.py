"""Random changes and kills leave the hub with what a plain model of it holds; `make chaos` walks further."""

import pytest
from chaos.killable_hub import KillableHub
from chaos.random_walk import walk_hub
from chaos.tally import Tally


@pytest.mark.parametrize(("seed", "kills"), [(0, 4), pytest.param(1, 25, marks=pytest.mark.slow)])
def test_what_was_acknowledged_is_there_after_every_kill(tmp_path, seed, kills):
    hub, tally = KillableHub(tmp_path), Tally()
    try:
        walk_hub(hub, tmp_path, seed, kills, tally)
    finally:
        hub.stop()
    assert (tally.lost, tally.doubled, tally.wrong) == ([], [], []), f"seed {seed}"
