"""A phase without a training: it lives the whole life of a job, and saves each of its steps."""

import sys

from shared.job import run_job
from shared.settings import JobSettings, service_config


class LightSettings(JobSettings):
    """It can be told nothing but which run it works on."""

    model_config = service_config("SPLIT_")


if __name__ == "__main__":
    sys.exit(run_job("split", LightSettings, work="chaos.light_work:work"))
