"""The rules of a training on rewards, with their default thresholds."""

import json
from pathlib import Path

import pytest

from grpo_trainer.guard import build_guard
from grpo_trainer.settings import GrpoSettings
from shared.errors import GuardTripped

# Of `make sft grpo PROFILE=demo`; seed 2 is the one with the fewest different rewards.
HEALTHY = json.loads((Path(__file__).parent / "healthy_curves.json").read_text(encoding="utf-8"))
WELL = {
    "loss": 0.01,
    "grad_norm": 0.2,
    "learning_rate": 5e-6,
    "reward": 2.4,
    "frac_reward_zero_std": 0.5,
    "entropy": 0.1,
    "completions/clipped_ratio": 0.0,
}


def make_guard(guard=None, **changes):
    return build_guard(GrpoSettings(run_id="r", namespace="n", guard=guard or {}, **changes))


def curve(*stretches):
    """A training: stretches of (points, what differs from a training that goes well)."""
    points = [WELL | changes for count, changes in stretches for _ in range(count)]
    return [{"step": index + 1} | point for index, point in enumerate(points)]


def run(guard, rows):
    """Shows the guard every point as it comes, and returns the step at which it stopped the training and why."""
    for end in range(1, len(rows) + 1):
        try:
            guard.check(rows[:end])
        except GuardTripped as error:
            return rows[end - 1]["step"], str(error)
    return None


@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("window", [5, 10])
def test_a_healthy_training_is_never_stopped(name, window):
    signals = HEALTHY[name]
    rows = [
        {"step": index + 1, "learning_rate": 1e-3} | dict(zip(signals, values, strict=True))
        for index, values in enumerate(zip(*signals.values(), strict=True))
    ]
    assert len(rows) == 64
    assert run(make_guard({"window": window}), rows) is None


@pytest.mark.parametrize(
    ("broken", "explanation"),
    [
        ({"frac_reward_zero_std": 1.0, "reward": 0.0}, "frac_reward_zero_std averaged 1 over"),
        ({"frac_reward_zero_std": 1.0, "reward": 2.9}, "frac_reward_zero_std averaged 1 over"),
        ({"entropy": 0.0005}, "entropy averaged 0.0005 over"),
        ({"entropy": 3.5}, "entropy averaged 3.5 over"),
        ({"kl": 6.0}, "kl averaged 6 over"),
        ({"completions/clipped_ratio": 0.95}, "completions/clipped_ratio averaged 0.95 over"),
    ],
)
def test_a_training_that_goes_wrong_from_the_start_is_stopped_after_one_window(broken, explanation):
    step, why = run(make_guard(), curve((30, broken)))
    assert step == 10
    assert why.startswith(f"{explanation} the last 10 logged points (steps 1 to 10), and guard.")


@pytest.mark.parametrize(
    "nearly",
    [
        {"frac_reward_zero_std": 0.98},
        {"entropy": 0.0011},
        {"entropy": 2.9},
        {"kl": 4.9},
        {"completions/clipped_ratio": 0.89},
        {"reward": 0.0},
    ],
)
def test_a_training_that_only_nearly_goes_wrong_is_not(nearly):
    assert run(make_guard(), curve((30, nearly))) is None


def test_a_reward_that_falls_stops_the_training_and_says_from_where():
    step, why = run(make_guard(), curve((20, {}), (20, {"reward": 1.4})))
    # Seven points at 1.4 of the ten make a mean of 1.7, 29% below the best; eight make 1.6.
    assert step == 28
    assert why == (
        "reward averaged 1.6 over the last 10 logged points (steps 19 to 28) and 2.4 at its best: it fell by 33%, "
        "and guard.max_reward_drop stops a training at 30%. The policy has collapsed. Lower learning_rate, or set beta."
    )


def test_a_reward_that_falls_by_less_goes_on():
    assert run(make_guard(), curve((20, {}), (20, {"reward": 1.7}))) is None


@pytest.mark.parametrize("still", [{"frac_reward_zero_std": 1.0}, {"entropy": 0.0}])
def test_a_policy_that_is_still_because_it_is_right_is_not_stopped(still):
    assert run(make_guard(), curve((30, still | {"reward": 3.0}))) is None
    step, _ = run(make_guard(), curve((30, still | {"reward": 2.9})))
    assert step == 10


def test_what_right_means_follows_the_weights():
    still = {"frac_reward_zero_std": 1.0, "reward": 3.0}
    assert run(make_guard(reward_weights=(1, 1, 2)), curve((30, still))) is not None
    assert run(make_guard(reward_weights=(1, 1, 1)), curve((30, still))) is None


@pytest.mark.parametrize(
    ("setting", "broken"),
    [
        ("max_zero_std", {"frac_reward_zero_std": 1.0}),
        ("min_entropy", {"entropy": 0.0}),
        ("max_entropy", {"entropy": 9.0}),
        ("max_kl", {"kl": 100.0}),
        ("max_clipped", {"completions/clipped_ratio": 1.0}),
        ("max_reward_drop", {"reward": 0.0}),
    ],
)
def test_a_threshold_of_zero_switches_its_rule_off_and_no_other(setting, broken):
    rows = curve((10, {}), (20, broken))
    assert run(make_guard(), rows) is not None
    assert run(make_guard({setting: 0}), rows) is None
    # A gradient that is no number is none of the thresholds'.
    assert run(make_guard({setting: 0}), curve((10, broken | {"grad_norm": float("inf")}))) is not None


def test_a_loss_that_is_no_number_needs_no_window():
    step, why = run(make_guard(), curve((2, {}), (1, {"loss": float("nan")})))
    assert (step, why.split(":")[0]) == (3, "The loss is nan at step 3")
