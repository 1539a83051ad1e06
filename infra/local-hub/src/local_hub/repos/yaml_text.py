"""YAML that a stranger wrote, as plain JSON values, within bounds: few bytes can name millions of values, or a loop."""

import json
from typing import Any

import yaml  # type: ignore[import-untyped]

MAX_BYTES = 1024**2
MAX_DEPTH = 50
# So much may the values come to where every alias is written out, a letter counting one and a value four.
MAX_EXPANDED = 1_200_000
_LARGEST_NUMBER = 10**300
# With libyaml, ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class InvalidYaml(ValueError):
    """The text is no YAML, or more than a README needs; the message says why."""


def read_yaml(text: str) -> Any:
    """The values of a text, dates and the like as texts; raises `InvalidYaml`."""
    if len(text) > MAX_BYTES:
        raise InvalidYaml(f"Invalid YAML: it is longer than {MAX_BYTES} letters")
    try:
        _check_depth(text)
        value = _load(text)
    except yaml.YAMLError as error:
        raise InvalidYaml(f"Invalid YAML: {error}") from error
    # What PyYAML raises for a date in month 13, or a number that is none.
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise InvalidYaml(f"Invalid YAML: a value cannot be read ({error})") from error
    return _Expansion().plain(value, MAX_DEPTH)


def _load(text: str) -> Any:
    loader = _LOADER(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _check_depth(text: str) -> None:
    """Before it is loaded, which is done by recursion."""
    depth = 0
    for event in yaml.parse(text, _LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise InvalidYaml(f"Invalid YAML: it is nested deeper than {MAX_DEPTH} levels")


class _Expansion:
    """Values as JSON has them, every alias written out."""

    def __init__(self) -> None:
        self._left = MAX_EXPANDED

    def plain(self, value: Any, depth: int) -> Any:
        self._spend(4)
        if depth < 0:
            raise InvalidYaml("Invalid YAML: it contains itself")
        if isinstance(value, dict):
            return {self._key(key): self.plain(each, depth - 1) for key, each in value.items()}
        if isinstance(value, list | tuple | set):
            return [self.plain(each, depth - 1) for each in value]
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float) and abs(value) < _LARGEST_NUMBER:
            return value
        return self._text(value)  # JSON has neither infinity nor NaN

    def _key(self, key: object) -> str:
        return json.dumps(key) if key is None or isinstance(key, bool) else self._text(key)

    def _text(self, value: object) -> str:
        if isinstance(value, int) and abs(value) >= _LARGEST_NUMBER:
            raise InvalidYaml("Invalid YAML: a number has more than 300 digits")
        text = str(value)
        self._spend(len(text))
        return text

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise InvalidYaml("Invalid YAML: with its aliases written out, it is too long")
