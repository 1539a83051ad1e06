"""Several tests at once: the more are made, the more succeed by chance."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for their number, in the order given.

    Holm's step-down procedure (Scand. J. Stat. 6:65, 1979): calling "different" what stays below 0.05 is wrong anywhere
    among them with a probability of at most 0.05, whatever the tests' dependence.

    Raises:
        ValueError: one is not a probability.
    """
    if not all(0 <= p <= 1 for p in p_values):
        raise ValueError(f"not all p-values lie between 0 and 1: {list(p_values)}")
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = largest
    return adjusted
