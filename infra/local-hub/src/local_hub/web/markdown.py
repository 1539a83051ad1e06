"""A README as HTML. HTML in it is shown as text, and links and images lead into the repo or, links only, away."""

import posixpath
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from local_hub.repos.cards import split_card
from local_hub.repos.registry import Repo
from local_hub.web.addresses import file_url

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token
    from markupsafe import Markup


# What may be wider than the page can be scrolled by keyboard. Texts never hold these tags: theirs are escaped.
_WIDE = (
    ("<pre>", '<pre tabindex="0">'),
    ("<table>", '<div class="wide" tabindex="0"><table>'),
    ("</table>", "</table></div>"),
)


def render_markdown(text: str, repo: Repo, revision: str, path: str) -> "Markup":
    """The text without its block of metadata; relative links are taken from the file's own folder."""
    from markupsafe import Markup

    parser = _parser()
    tokens = parser.parse(split_card(text)[1])
    folder = posixpath.dirname(path)
    for token in _flat(tokens):
        if token.type == "link_open":
            _lead(token, repo, revision, folder)
        elif token.type == "image":
            _show(token, repo, revision, folder)
        elif token.type in ("th_open", "td_open"):
            _align(token)
        elif token.type in ("heading_open", "heading_close"):
            # The page has its own first and second headings.
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
    for begin, content, end in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if begin.type == "th_open" and not content.content.strip():  # it heads nothing
            begin.tag = end.tag = "td"
            begin.attrs.pop("scope", None)
    # The parser escapes: every text is text, and it makes tags for Markdown only.
    shown = parser.renderer.render(tokens, parser.options, {})
    for plain, wide in _WIDE:
        shown = shown.replace(plain, wide)
    return Markup(shown)  # noqa: S704


@cache
def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


def _flat(tokens: list["Token"]) -> Iterator["Token"]:
    for token in tokens:
        yield token
        if token.children and token.type != "image":
            yield from _flat(token.children)


def _align(token: "Token") -> None:
    """The page's policy allows no styles but its own file's: a class in their place."""
    style = str(token.attrs.pop("style", ""))
    if style:
        token.attrSet("class", style.replace("text-align:", "align-"))
    if token.type == "th_open":
        token.attrSet("scope", "col")


def _lead(token: "Token", repo: Repo, revision: str, folder: str) -> None:
    target = str(token.attrGet("href") or "")
    inside = _inside(target, folder)
    if inside is not None:
        token.attrSet("href", file_url(repo, "blob", revision, inside))
    elif not target.startswith("#"):
        token.attrSet("rel", "noopener noreferrer nofollow")


def _show(token: "Token", repo: Repo, revision: str, folder: str) -> None:
    """Images of other sites would tell them who reads: only their text is shown."""
    inside = _inside(str(token.attrGet("src") or ""), folder)
    if inside is None:
        token.type = "text"
    else:
        token.attrSet("src", file_url(repo, "raw", revision, inside))
        token.attrSet("loading", "lazy")


def _inside(target: str, folder: str) -> str | None:
    """The path in the repo that a relative address means; None for all other addresses."""
    try:
        parts = urlsplit(target)
    except ValueError:
        return None
    if parts.scheme or parts.netloc or not parts.path or parts.path.startswith("/"):
        return None
    path = posixpath.normpath(posixpath.join(folder, unquote(parts.path)))
    return None if path.startswith("..") or path == "." else path
