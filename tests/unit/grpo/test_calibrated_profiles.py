"""The profiles with the calibration reward, against those that they were copied from."""

import pytest

from grpo_trainer.settings import GrpoSettings
from launcher.profiles import load_profile

REWARDS = ["json", "schema", "accuracy", "calibration"]


@pytest.mark.parametrize("name", ["demo", "t4-small"])
def test_a_calibrated_profile_differs_from_its_original_only_in_what_the_reward_needs(name):
    original, calibrated = load_profile(name), load_profile(f"{name}-calibrated")
    assert (calibrated.run, calibrated.launch) == (original.run, original.launch)
    changed = {"rewards", "reward_weights", "scale_rewards", "temperature", "validation"}
    grpo, copy = dict(original.sections["grpo"]), dict(calibrated.sections["grpo"])
    assert {key: grpo[key] for key in grpo if key not in changed} == {
        key: copy[key] for key in copy if key not in changed
    }
    assert grpo["validation"] | {"keep": "last"} == copy["validation"]
    others = [phase for phase in original.sections if phase != "grpo"]
    assert [calibrated.sections[phase] for phase in others] == [original.sections[phase] for phase in others]


@pytest.mark.parametrize("name", ["demo", "t4-small"])
def test_calibration_is_rewarded_in_the_calibrated_profile_alone(name):
    def settings(profile):
        return GrpoSettings(run_id="r", namespace="n", **load_profile(profile).sections["grpo"])

    assert list(settings(name).rewards) == REWARDS[:3]
    calibrated = settings(f"{name}-calibrated")
    assert (list(calibrated.rewards), calibrated.highest_reward) == (REWARDS, 4.0)
