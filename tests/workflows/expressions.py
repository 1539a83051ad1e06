"""GitHub's expressions, as far as the workflows use them; what they do not use is refused, never guessed."""

import re
from collections.abc import Callable, Mapping
from typing import Any

TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<name>[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)*)|(?P<sign>&&|\|\||[=!]=|[!()]))"
)
EMBEDDED = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
STATUS_FUNCTIONS = ("success", "failure", "always", "cancelled")
LITERALS = {"true": True, "false": False, "null": None}


class Unsupported(Exception):
    """The workflows use something that this cannot run as GitHub would."""


class Expression:
    """One expression, read once and evaluated against contexts.

    Args:
        text: without `${{ }}`.
    """

    def __init__(self, text: str) -> None:
        self._text, self._tokens = text, _split(text)

    @property
    def asks_for_status(self) -> bool:
        """Whether it says itself under which status a step runs; elsewhere that is success."""
        return any(value in STATUS_FUNCTIONS for _, value in self._tokens)

    def evaluate(self, contexts: Mapping[str, Any], functions: Mapping[str, Callable[[], bool]]) -> Any:
        """Return its value; a property that is not there is None, as for GitHub."""
        self._contexts, self._functions, self._at = contexts, functions, 0
        value = self._any()
        if self._at != len(self._tokens):
            raise Unsupported(f"{self._text}: cannot read on at {self._tokens[self._at][1]}")
        return value

    def _any(self) -> Any:
        value = self._all()
        while self._take("||"):
            other = self._all()
            value = value or other
        return value

    def _all(self) -> Any:
        value = self._equal()
        while self._take("&&"):
            other = self._equal()
            value = value and other
        return value

    def _equal(self) -> Any:
        value = self._single()
        for sign in ("==", "!="):
            if self._take(sign):
                return (_text(value) == _text(self._single())) == (sign == "==")
        return value

    def _single(self) -> Any:
        if self._take("!"):
            return not self._single()
        if self._take("("):
            value = self._any()
            self._require(")")
            return value
        if self._at == len(self._tokens):
            raise Unsupported(f"{self._text}: it ends too early")
        kind, value = self._tokens[self._at]
        self._at += 1
        if kind == "string":
            return value[1:-1].replace("''", "'")
        if kind != "name":
            raise Unsupported(f"{self._text}: {value} is not expected there")
        return self._call(value) if self._take("(") else self._look_up(value)

    def _call(self, name: str) -> bool:
        self._require(")")
        if name not in self._functions:
            raise Unsupported(f"{self._text}: the function {name}")
        return self._functions[name]()

    def _look_up(self, path: str) -> Any:
        if path in LITERALS:
            return LITERALS[path]
        context, *properties = path.split(".")
        if context not in self._contexts:
            raise Unsupported(f"{self._text}: the context {context}")
        value: Any = self._contexts[context]
        for name in properties:
            value = value.get(name) if isinstance(value, Mapping) else None
        return value

    def _take(self, sign: str) -> bool:
        found = self._at < len(self._tokens) and self._tokens[self._at] == ("sign", sign)
        self._at += found
        return found

    def _require(self, sign: str) -> None:
        if not self._take(sign):
            raise Unsupported(f"{self._text}: {sign} is missing, or it has arguments")


def fill(text: Any, contexts: Mapping[str, Any]) -> str:
    """Return a text of the workflow with the expressions in it replaced by their values."""
    return EMBEDDED.sub(lambda found: _text(Expression(found[1]).evaluate(contexts, {})), _text(text))


def is_met(condition: Any, contexts: Mapping[str, Any], functions: Mapping[str, Callable[[], bool]]) -> bool:
    """Tell whether a step with an `if:` is run; one without, None, is run where nothing has failed."""
    text = _text(condition) if condition is not None else "success()"
    expression = Expression(EMBEDDED.sub(r"\1", text))
    met = bool(expression.evaluate(contexts, functions))
    return met if expression.asks_for_status else met and functions["success"]()


def _split(text: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    while text[at:].strip():
        found = TOKEN.match(text, at)
        if found is None:
            raise Unsupported(f"{text}: {text[at:].strip()}")
        tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
        at = found.end()
    return tokens


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
