"""One campaign after the other, each on a hub of its own."""

import argparse
from pathlib import Path

from chaos.hub_kills import kill_hubs
from chaos.job_kills import kill_jobs
from chaos.killable_hub import KillableHub
from chaos.random_walk import walk_hub
from chaos.tally import Tally
from chaos.training_kills import kill_trainings


def run_campaigns(options: argparse.Namespace, folder: Path) -> Tally:
    """Run what the options ask for and return the counts."""
    tally = Tally()
    campaigns = (
        ("hubs", kill_hubs, options.hub_kills),
        ("walk", walk_hub, options.walk_kills),
        ("jobs", kill_jobs, options.job_kills),
        ("trainings", kill_trainings, options.training_kills),
    )
    for name, campaign, kills in campaigns:
        if kills:
            place = folder / name
            place.mkdir()
            hub = KillableHub(place)
            try:
                campaign(hub, place, options.seed, kills, tally)
            finally:
                hub.stop()
    return tally
