"""The YAML block at the top of a README.md."""

import re
from collections.abc import Mapping
from typing import Any

from local_hub.repos.yaml_text import InvalidYaml, read_yaml

CARD_PATH = "README.md"
_BLOCK = re.compile(r"\A\ufeff?[\r\n\s]*---[ \t]*\r?\n(.*?)^---[ \t]*$", re.DOTALL | re.MULTILINE)
_TAG_FIELDS = {
    "license": "license:",
    "language": "language:",
    "datasets": "dataset:",
    "base_model": "base_model:",
    "task_categories": "task_categories:",
    "task_ids": "task_ids:",
    "size_categories": "size_categories:",
    "multilinguality": "multilinguality:",
    "language_creators": "language_creators:",
    "library_name": "",
    "pipeline_tag": "",
    "tags": "",
}
_BARE_IN_MODELS = ("language",)


class InvalidCard(ValueError):
    """The block is no YAML, or no mapping; the message says why."""


def split_card(text: str) -> tuple[str, str]:
    """The block of metadata, empty without one, and the text that follows it."""
    block = _BLOCK.match(text)
    return (block[1], text[block.end() :]) if block else ("", text)


def parse_card(text: str) -> dict[str, Any]:
    """The metadata of a README; empty if it has no block."""
    try:
        data = read_yaml(split_card(text)[0])
    except InvalidYaml as error:
        raise InvalidCard(str(error)) from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise InvalidCard("The metadata must be a mapping")
    if not isinstance(data.get("model-index", []), list):
        raise InvalidCard('"model-index" must be a list')
    return data


def tags_of(card: Mapping[str, Any], repo_type: str) -> list[str]:
    """The tags that the Hub derives from the metadata, by which repos are filtered."""
    tags: list[str] = []
    for field, prefix in _TAG_FIELDS.items():
        values = card.get(field) or []
        shown = "" if repo_type == "model" and field in _BARE_IN_MODELS else prefix
        tags += [f"{shown}{value}" for value in (values if isinstance(values, list) else [values])]
    return list(dict.fromkeys(tags))
