"""The results that a model's repo holds in `.eval_results/*.yaml` (https://huggingface.co/docs/hub/eval-results)."""

import sqlite3
from collections.abc import Iterator
from typing import Any

from local_hub.repos.contents import find_content
from local_hub.repos.trees import Entry, find_entry, load_folder
from local_hub.repos.yaml_text import InvalidYaml, read_yaml

FOLDER = ".eval_results"
_MAX_BYTES = 1024**2

Json = dict[str, Any]


def read_eval_results(db: sqlite3.Connection, tree_id: str) -> list[Json]:
    """Every entry of every file, as the client parses it: with its data, or with what is wrong with the file."""
    folder = find_entry(db, tree_id, FOLDER)
    if folder is None or not folder.is_folder:
        return []
    files = load_folder(db, folder.oid).items()
    return [
        item
        for name, entry in files
        if name.endswith(".yaml") and entry.kind == "file"
        for item in _read_file(db, name, entry)
    ]


def _read_file(db: sqlite3.Connection, name: str, entry: Entry) -> Iterator[Json]:
    path = f"{FOLDER}/{name}"
    content = find_content(db, entry)
    if content is None:
        return
    try:
        entries = _parse(content) if entry.size <= _MAX_BYTES else None
    except InvalidYaml as error:
        yield {"filename": path, "error": str(error)}
        return
    if entries is None:
        yield {
            "filename": path,
            "error": "It must be a list of entries, each with dataset.id, dataset.task_id and value",
        }
        return
    for data in entries:
        yield {"filename": path, "data": data}


def _parse(content: bytes) -> list[Json] | None:
    data = read_yaml(content.decode(errors="replace"))
    return data if isinstance(data, list) and all(map(_is_entry, data)) else None


def _is_entry(data: Any) -> bool:
    dataset = data.get("dataset") if isinstance(data, dict) else None
    return isinstance(dataset, dict) and {"id", "task_id"} <= set(dataset) and "value" in data
