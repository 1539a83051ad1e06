"""The decorators of the own tests of `datasets`; copied there as `utils.py`, which they lack."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]


def _require(module: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(find_spec(module) is None, reason=f"{module} is not installed")


require_pil, require_torchcodec = _require("PIL"), _require("torchcodec")


def xfail_if_500_502_http_error(test: Test) -> Test:
    """An error of the server is no excuse here."""
    return test


def for_all_test_methods(*decorators: Decorator) -> Decorator:
    """Decorates each test of a class."""

    def decorate(cls: type) -> type:
        for name, test in list(vars(cls).items()):
            if name.startswith("test") and callable(test):
                for each in decorators:
                    test = each(test)
                setattr(cls, name, test)
        return cls

    return decorate


def __getattr__(name: str) -> pytest.MarkDecorator:
    """What marks tests that call no Hub."""
    if name.startswith("__"):
        raise AttributeError(name)
    return pytest.mark.skip(reason="calls no Hub")
