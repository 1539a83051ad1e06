"""The profiles with the calibration reward, against those that they were copied from."""

import pytest

from grpo_trainer.settings import GrpoSettings
from launcher.profiles import load_profile

REWARDS = ["json", "schema", "accuracy", "calibration"]


def copied_confidences(profile):
    """Those that a calibrated profile has its model taught: several, or there is nothing to choose from."""
    confidences = profile.sections["sft"]["confidences"]
    assert len(set(confidences)) > 1
    return confidences


@pytest.mark.parametrize("name", ["demo", "t4-small"])
def test_a_calibrated_profile_differs_from_its_original_only_in_what_the_reward_needs(name):
    original, calibrated = load_profile(name), load_profile(f"{name}-calibrated")
    assert (calibrated.run, calibrated.launch) == (original.run, original.launch)
    changed = {"rewards", "reward_weights", "scale_rewards", "validation"}
    grpo, copy = dict(original.sections["grpo"]), dict(calibrated.sections["grpo"])
    assert {key: grpo[key] for key in grpo if key not in changed} == {
        key: copy[key] for key in copy if key not in changed
    }
    assert grpo["validation"] | {"keep": "last"} == copy["validation"]
    assert (
        original.sections["sft"] | {"confidences": copied_confidences(calibrated)}
        == calibrated.sections["sft"]
    )
    others = [phase for phase in original.sections if phase not in ("sft", "grpo")]
    assert [calibrated.sections[phase] for phase in others] == [original.sections[phase] for phase in others]


@pytest.mark.parametrize("name", ["demo", "t4-small"])
def test_calibration_is_rewarded_in_the_calibrated_profile_alone(name):
    def settings(profile):
        return GrpoSettings(run_id="r", namespace="n", **load_profile(profile).sections["grpo"])

    assert list(settings(name).rewards) == REWARDS[:3]
    calibrated = settings(f"{name}-calibrated")
    assert (list(calibrated.rewards), calibrated.highest_reward) == (REWARDS, 4.0)
