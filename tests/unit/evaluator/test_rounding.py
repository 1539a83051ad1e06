"""How far the weights of a merge that was made again may be from the recorded ones."""

import math

import pytest
import torch

from evaluator.verify.models import count_rounding_steps


def model(**weights):
    found = torch.nn.Module()
    for name, values in weights.items():
        found.register_parameter(name, torch.nn.Parameter(torch.tensor(values)))
    return found


def test_steps_are_of_the_number_format_at_the_size_of_the_largest_weight():
    step = torch.finfo(torch.float32).eps
    expected, found = model(a=[4.0, 0.0], b=[0.0]), model(a=[4.0, 8.0 * step], b=[0.0])
    assert count_rounding_steps(expected, found) == pytest.approx(2)
    assert count_rounding_steps(expected, expected) == 0


@pytest.mark.parametrize(
    ("expected", "found"),
    [
        (model(a=[1.0]), model(a=[math.nan])),
        (model(a=[math.nan]), model(a=[1.0])),
        (model(a=[0.0]), model(a=[1.0])),
        (model(a=[1.0], head=[1.0]), model(a=[1.0])),
        (model(a=[1.0]), model(a=[1.0], head=[1.0])),
        (model(a=[1.0]), model(a=[1.0, 1.0])),
    ],
    ids=["a found NaN", "a recorded NaN", "zeros", "a weight too many", "a weight too few", "another shape"],
)
def test_what_no_rounding_explains_is_infinitely_far(expected, found):
    assert count_rounding_steps(expected, found) == math.inf
