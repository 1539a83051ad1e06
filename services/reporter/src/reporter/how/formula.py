"""Formulas that are written once and shown twice: as MathML Core (W3C), which browsers draw without help, and as text.

A part of a formula is a string, read as names, numbers and operators, or one of the nodes below.
"""

import re
from dataclasses import dataclass
from typing import Protocol

from markupsafe import Markup

TOKEN = re.compile(r"\d[\d,]*(?:\.\d+)?|\w+|\S")
NUMBER = re.compile(r"\d")
WORD = re.compile(r"[^\W\d_]\w*")
SUBSCRIPTS = str.maketrans("0123456789+−aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
SUPERSCRIPTS = str.maketrans("0123456789+−n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ")


class Node(Protocol):
    """A part of a formula."""

    def mathml(self) -> Markup:
        """Return it as MathML."""

    def text(self) -> str:
        """Return it as one line of text."""


Part = Node | str


@dataclass(frozen=True)
class Row:
    """Parts one after the other."""

    parts: tuple[Part, ...]

    def mathml(self) -> Markup:
        """Return the parts in an `mrow`."""
        return _tag("mrow", *map(_mathml, self.parts))

    def text(self) -> str:
        """Return the parts with a blank between them."""
        return " ".join(map(_text, self.parts))


@dataclass(frozen=True)
class Fraction:
    """A fraction."""

    top: Part
    bottom: Part

    def mathml(self) -> Markup:
        """Return it with its bar."""
        return _tag("mfrac", _mathml(self.top), _mathml(self.bottom))

    def text(self) -> str:
        """Return it with a slash, in brackets where it would be misread."""
        return f"{_bracketed(self.top)}/{_bracketed(self.bottom)}"


@dataclass(frozen=True)
class Indexed:
    """A symbol with an index, an exponent, or both."""

    symbol: Part
    index: Part | None = None
    exponent: Part | None = None

    def mathml(self) -> Markup:
        """Return it with both in small print."""
        kind = "msubsup" if self.index and self.exponent else "msub" if self.index else "msup"
        scripts = (part for part in (self.index, self.exponent) if part)
        return _tag(kind, _mathml(self.symbol), *map(_mathml, scripts))

    def text(self) -> str:
        """Return it with Unicode's small letters, or `_` and `^` where there are none."""
        index = _small(self.index, SUBSCRIPTS, "_") if self.index else ""
        exponent = _small(self.exponent, SUPERSCRIPTS, "^") if self.exponent else ""
        return f"{_text(self.symbol)}{index}{exponent}"


@dataclass(frozen=True)
class Sum:
    """A sum over what stands below it."""

    over: Part

    def mathml(self) -> Markup:
        """Return the sign with the range below."""
        return _tag("munder", _tag("mo", "∑"), _mathml(self.over))

    def text(self) -> str:
        """Return the sign with the range in small print."""
        return f"Σ{_small(self.over, SUBSCRIPTS, '_')}"


@dataclass(frozen=True)
class Root:
    """A square root."""

    inner: Part

    def mathml(self) -> Markup:
        """Return it with its roof."""
        return _tag("msqrt", _mathml(self.inner))

    def text(self) -> str:
        """Return it with brackets for the roof."""
        return f"√({_text(self.inner)})"


@dataclass(frozen=True)
class Formula:
    """A formula on a line of its own."""

    body: Row

    @property
    def mathml(self) -> Markup:
        """The `math` element, with the text for readers that know no MathML."""
        return Markup('<math display="block" alttext="{}">{}</math>').format(self.text, self.body.mathml())

    @property
    def text(self) -> str:
        """The formula as one line of text."""
        return self.body.text()


def formula(*parts: Part) -> Formula:
    """Return a formula of these parts."""
    return Formula(Row(parts))


def row(*parts: Part) -> Row:
    """Return these parts as one."""
    return Row(parts)


def _mathml(part: Part) -> Markup:
    if not isinstance(part, str):
        return part.mathml()
    tokens = [_token(token) for token in TOKEN.findall(part)]
    return tokens[0] if len(tokens) == 1 else _tag("mrow", *tokens)


def _token(token: str) -> Markup:
    if NUMBER.match(token):
        return _tag("mn", token)
    return _tag("mi" if WORD.fullmatch(token) else "mo", token)


def _text(part: Part) -> str:
    return part if isinstance(part, str) else part.text()


def _bracketed(part: Part) -> str:
    text = _text(part)
    return f"({text})" if " " in text else text


def _small(part: Part, letters: dict[int, int], mark: str) -> str:
    text = _text(part).replace(" ", "")
    small = text.translate(letters)
    if all(ord(letter) in letters for letter in text):
        return small
    return f"{mark}{text}" if WORD.fullmatch(text) else f"{mark}({text})"


def _tag(name: str, *content: str) -> Markup:
    return Markup("<{0}>{1}</{0}>").format(name, Markup("").join(content))
