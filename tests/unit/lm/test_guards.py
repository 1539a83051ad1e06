import math

import pytest
import torch

from shared.errors import GuardTripped
from shared.lm.guards import (
    CurveGuard,
    Drop,
    FiniteGradients,
    FiniteLoss,
    Limit,
    Rise,
    check_weights,
    window_mean,
)

RATE = {"learning_rate": 1e-4}
HIGHEST = Limit("kl", 3, "guard.max_kl", "Raise beta.", highest=2.0)
LOWEST = Limit("entropy", 3, "guard.min_entropy", "Raise temperature.", lowest=0.5)
DROP = Drop("reward", 3, 0.5, "guard.max_reward_drop", "Lower learning_rate.")
RISE = Rise("loss", 3, 1.5, 0.4, "guard.max_loss_rise", "Lower learning_rate.")


def curve(signal, *values):
    """One training point every ten steps."""
    return [{"step": 10 * (index + 1), signal: value} | RATE for index, value in enumerate(values)]


@pytest.mark.parametrize(
    ("rule", "rows", "explanation"),
    [
        (
            HIGHEST,
            curve("kl", 0, 1, 2, 3),
            "kl averaged 2 over the last 3 logged points (steps 20 to 40), and guard.max_kl stops a training at 2 "
            "or more: Raise beta.",
        ),
        (
            LOWEST,
            curve("entropy", 0.5, 0.5, 0.5),
            "entropy averaged 0.5 over the last 3 logged points (steps 10 to 30), and guard.min_entropy stops a "
            "training at 0.5 or less: Raise temperature.",
        ),
        (
            DROP,
            curve("reward", 2, 2, 2, 1, 1, 1),
            "reward averaged 1 over the last 3 logged points (steps 40 to 60) and 2 at its best: it fell by 50%, and "
            "guard.max_reward_drop stops a training at 50%. Lower learning_rate.",
        ),
        (
            RISE,
            curve("loss", 1, 1, 1, 1.5, 1.5, 1.5),
            "loss averaged 1.5 over the last 3 logged points (steps 40 to 60) and 1 at its best: guard.max_loss_rise "
            "stops a training at 1.5 times the best. Lower learning_rate.",
        ),
    ],
    ids=["too high", "too low", "fallen", "risen"],
)
def test_a_broken_rule_says_signal_value_steps_threshold_setting_and_remedy(rule, rows, explanation):
    with pytest.raises(GuardTripped) as raised:
        CurveGuard([FiniteGradients(9), rule]).check(rows)
    assert str(raised.value) == explanation


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        (HIGHEST, curve("kl", 2, 2, 1.99)),
        (HIGHEST, curve("kl", 100, 100)),
        (HIGHEST, curve("kl", 100, 100, 100, 0, 0, 0)),
        (LOWEST, curve("entropy", 0.5, 0.5, 0.51)),
        (DROP, curve("reward", 2, 2, 2, 1, 1, 1.1)),
        (DROP, curve("reward", 0, 0, 0, 0, 0, 0)),
        (DROP, curve("reward", -1, -1, -1, -5, -5, -5)),
        (RISE, curve("loss", 1, 1, 1, 1.5, 1.5, 1.4)),
        (RISE, curve("loss", 0.01, 0.01, 0.01, 0.4, 0.4, 0.4)),
        (RISE, curve("loss", 9, 9, 9)),
    ],
)
def test_a_curve_that_only_just_keeps_a_rule_goes_on(rule, rows):
    assert rule.explain(rows) is None


def test_the_best_window_is_remembered_however_long_ago_it_was():
    rows = curve("reward", 2, 2, 2, *[1.5] * 50, 1, 1, 1)
    assert DROP.explain(rows).startswith("reward averaged 1 over")
    assert DROP.explain(rows[:-1]) is None


def test_rows_of_a_validation_are_no_points_of_a_signal():
    validation = {"step": 25, "validation/accuracy": 0.5}
    rows = curve("kl", 1, 2, 3)
    assert HIGHEST.explain([*rows[:2], validation, rows[2], validation]) == HIGHEST.explain(rows)
    assert HIGHEST.explain([rows[1], validation, rows[2], validation]) is None
    CurveGuard([FiniteLoss(), FiniteGradients(2)]).check([validation] * 5)


def test_a_signal_that_is_not_there_is_not_checked():
    CurveGuard([HIGHEST, LOWEST, DROP, RISE]).check(curve("grad_norm", 1, 1, 1, 1))


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_stops_the_training_at_once(loss):
    with pytest.raises(GuardTripped, match=f"The loss is {loss} at step 20: the training has diverged"):
        CurveGuard([FiniteLoss()]).check(curve("loss", 0.5, loss))


def test_a_loss_left_out_of_a_stored_row_was_no_number():
    assert (
        FiniteLoss().explain([{"step": 1, "grad_norm": 1.0} | RATE]).startswith("The loss is nan at step 1")
    )


@pytest.mark.parametrize("missing", [{}, {"grad_norm": math.inf}, {"grad_norm": math.nan}])
def test_gradients_that_stay_no_numbers_stop_the_training(missing):
    rows = [{"step": step, "loss": 1.0} | RATE | missing for step in (1, 2, 3)]
    assert (
        FiniteGradients(3)
        .explain(rows)
        .startswith(
            "grad_norm is no finite number at the last 3 logged points (steps 1 to 3): no update was made"
        )
    )
    assert FiniteGradients(4).explain(rows) is None


def test_an_infinite_gradient_among_finite_ones_is_how_loss_scaling_works():
    rows = curve("grad_norm", math.inf, math.inf, 1.0, math.inf, math.inf)
    assert FiniteGradients(3).explain(rows) is None
    assert FiniteGradients(2).explain(rows)


def test_validations_between_the_points_do_not_hide_broken_gradients():
    rows = [
        row
        for step in (1, 2, 3)
        for row in ({"step": step, "loss": 1.0} | RATE, *[{"step": step, "validation/score": 1.0}] * 5)
    ]
    assert FiniteGradients(3).explain(rows)


def test_the_rule_sees_the_same_in_rows_from_before_a_resume():
    """No rule keeps anything: the same rows give the same answer to a guard that was made a moment ago."""
    rows = curve("reward", 2, 2, 2, 1, 1, 1)
    guard = CurveGuard([DROP])
    for end in range(1, len(rows)):
        guard.check(rows[:end])
        CurveGuard([DROP]).check(rows[:end])
    for checking in (guard, CurveGuard([DROP])):
        with pytest.raises(GuardTripped):
            checking.check(rows)


@pytest.mark.parametrize(
    "never",
    [
        Limit("x", 2, "", ""),
        Drop("x", 2, math.inf, "", ""),
        Rise("x", 2, math.inf, 0, "", ""),
    ],
)
def test_an_infinite_threshold_never_trips(never):
    assert never.explain(curve("x", 1, 1, 0, 0, 1e9, 1e9)) is None


def test_a_mean_needs_a_whole_window():
    assert window_mean(curve("reward", 1, 2, 3), "reward", 2) == 2.5
    assert window_mean(curve("reward", 1), "reward", 2) is None


@pytest.mark.parametrize("broken", [math.nan, math.inf, -math.inf])
def test_a_trained_weight_that_is_no_number_is_found_wherever_it_is(broken):
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    check_weights(model, 7)
    model[1].weight.data[2, 1] = broken
    with pytest.raises(GuardTripped, match="no finite numbers after step 7"):
        check_weights(model, 7)
    model[1].requires_grad_(False)
    check_weights(model, 7)
