"""Random changes and kills leave the hub with what a plain model of it holds; `make chaos` walks further."""

from chaos.killable_hub import KillableHub
from chaos.random_walk import walk_hub
from chaos.tally import Tally

# Another than `make chaos` has by default, which CI runs beside this.
SEED, KILLS = 1, 4


def test_what_was_acknowledged_is_there_after_every_kill(tmp_path):
    hub, tally = KillableHub(tmp_path), Tally()
    try:
        walk_hub(hub, tmp_path, SEED, KILLS, tally)
    finally:
        hub.stop()
    assert (tally.lost, tally.doubled, tally.wrong) == ([], [], []), f"seed {SEED}"
