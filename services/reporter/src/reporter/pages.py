"""What all pages have in common. Whatever comes from data is escaped unless a template says otherwise."""

import base64
import hashlib
import html
import re
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
Filters = Mapping[str, Callable[..., Any]]


class Verbatim(str):
    """Markdown that is meant as Markdown."""


def html_environment(filters: Filters) -> Environment:
    """Return what renders templates of HTML."""
    return _environment(filters, autoescape=True, trim_blocks=True, lstrip_blocks=True)


def markdown_environment(filters: Filters) -> Environment:
    """Return what renders templates of Markdown."""
    return _environment(filters, autoescape=False, finalize=escape_markdown)


def escape_markdown(value: Any) -> str:
    """Return text that Markdown shows as it is, on one line."""
    if isinstance(value, Verbatim):
        return value
    text = html.escape(" ".join(str(value).split()), quote=False)
    return MARKDOWN_SPECIAL.sub(r"\\\1", text)


def fence(text: str) -> Verbatim:
    """Return a code block whose fence is longer than any run of backticks in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return Verbatim(f"{ticks}text\n{text}\n{ticks}")


def read_sources(*names: str) -> Markup:
    """Return style sheets or scripts of our own as one, which needs no escaping."""
    folder = files("reporter").joinpath("templates")
    return Markup("\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names))  # noqa: S704


def content_security_policy(css: str, script: str = "") -> str:
    """Return the policy that lets a page's own style and script run and loads nothing (CSP level 3, W3C)."""
    own = f"style-src {_hash_source(css)}"
    if script:
        own = f"img-src data:; {own}; script-src {_hash_source(script)}"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"


def _environment(filters: Filters, autoescape: bool, **options: Any) -> Environment:
    environment = Environment(
        loader=PackageLoader("reporter"),
        undefined=StrictUndefined,
        autoescape=autoescape,  # noqa: S701 -- off only for Markdown, which escapes through `finalize`
        **options,
    )
    environment.filters |= filters
    return environment


def _hash_source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
