"""What a file is shown as. Each kind is a function that answers None for what is not of its kind."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local_hub.web.parquet import read_parquet
from local_hub.web.pretty import MAX_LINES, lay_out
from local_hub.web.sources import Source
from local_hub.web.tables import read_safetensors

MAX_TEXT_BYTES = 512 * 1024
# What is made to be slow takes seconds at this length, and longer than in proportion above it.
MAX_MARKDOWN_BYTES = 256 * 1024
# What browsers draw and cannot be more than a picture; an SVG is one too where it stands in an `img`.
IMAGES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".ico": "image/x-icon",
    ".svg": "image/svg+xml",
}
PAGES = (".html", ".htm")
MARKDOWN = (".md", ".markdown")


@dataclass(frozen=True)
class Preview:
    """A kind, which has a template, and what that needs."""

    kind: str
    values: Mapping[str, Any]


def preview(source: Source, plain: bool) -> Preview:
    """How to show a file; `plain` asks for a text as it is stored."""
    kinds: tuple[Callable[[Source], Preview | None], ...] = (_as_text, _as_binary) if plain else _KINDS
    return next(found for kind in kinds if (found := kind(source)) is not None)


def _as_image(source: Source) -> Preview | None:
    return Preview("image", {}) if source.suffix in IMAGES else None


def _as_page(source: Source) -> Preview | None:
    return Preview("page", {}) if source.suffix in PAGES else None


def _as_markdown(source: Source) -> Preview | None:
    if source.suffix not in MARKDOWN or source.entry.size > MAX_MARKDOWN_BYTES:
        return None
    text = decode(source.head(MAX_MARKDOWN_BYTES))
    return None if text is None else Preview("markdown", {"text": text})


def _as_parquet(source: Source) -> Preview | None:
    return Preview("table", read_parquet(source.stored)) if source.suffix == ".parquet" else None


def _as_safetensors(source: Source) -> Preview | None:
    return Preview("table", read_safetensors(source)) if source.suffix == ".safetensors" else None


def _as_json(source: Source) -> Preview | None:
    if source.suffix not in (".json", ".ipynb") or source.entry.size > MAX_TEXT_BYTES:
        return None
    text = decode(source.head(MAX_TEXT_BYTES))
    try:
        pretty, is_cut = lay_out(json.loads(text or ""))
    except (ValueError, RecursionError):
        return None
    return _lines(pretty, "json", pretty != (text or "").rstrip(), is_cut)


def _as_text(source: Source) -> Preview | None:
    text = decode(source.head(MAX_TEXT_BYTES))
    return None if text is None else _lines(text, "text", False, source.entry.size > MAX_TEXT_BYTES)


def _as_binary(source: Source) -> Preview:
    return Preview("binary", {})


def decode(content: bytes) -> str | None:
    """UTF-8 as text, the last letter missing where it was cut; None for anything else."""
    if b"\0" in content:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        is_cut = len(content) - error.start < 4 and error.reason == "unexpected end of data"
        return content[: error.start].decode() if is_cut else None


def _lines(text: str, kind: str, is_formatted: bool, is_cut: bool) -> Preview:
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    shown = [line.rstrip("\r") for line in lines[:MAX_LINES]]
    is_cut = is_cut or len(lines) > MAX_LINES
    return Preview("text", {"lines": shown, "kind": kind, "is_formatted": is_formatted, "is_cut": is_cut})


_KINDS = (_as_image, _as_page, _as_markdown, _as_parquet, _as_safetensors, _as_json, _as_text, _as_binary)
