"""What a job is given of the launcher's environment."""

import os

import pytest

from launcher.profiles import load_profile
from launcher.requests import build_request

GIVEN = {"TRACKIO_SPACE_ID": "me/curves", "WANDB_MODE": "online"}
SECRET = {"WANDB_API_KEY": "k", "TRACKIO_WRITE_TOKEN": "t", "TRACKIO_SERVER_URL": "http://h/?write_token=t"}


def request(phase):
    return build_request(load_profile("smoke"), phase, "run-1", "local", force=False)


@pytest.mark.parametrize("phase", ["sft", "grpo"])
def test_a_trainer_gets_what_its_dashboards_need_and_keys_as_secrets(phase):
    before = request(phase)
    os.environ |= GIVEN | SECRET
    after = request(phase)
    assert after.environment == before.environment | GIVEN
    assert (before.secrets, after.secrets) == ({}, SECRET)
    assert after.digest == before.digest, "a dashboard decides no result"
    assert "write_token" not in repr(after)


def test_a_phase_that_does_not_train_gets_none_of_it():
    os.environ |= GIVEN | SECRET
    told = request("eval")
    assert told.secrets == {}
    assert not told.environment.keys() & GIVEN.keys()
