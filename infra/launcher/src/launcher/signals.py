"""Signals that end a command."""

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def handled_by(handler: Callable[..., None], numbers: Iterable[signal.Signals]) -> Iterator[None]:
    """Have signals handled until the block has ended, except for one that was to be ignored, as in the background."""
    heard = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
