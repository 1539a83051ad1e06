"""Prints what some of our projects need of others: `python infra/lock/requirements.py services/evaluator 'shared[lm]'`.

pip verifies hashes only where it installs no folder. So what is not ours is installed first, from these requirements
and with the hashes of constraints.txt, and our own folders afterwards without their dependencies.
Standard library only: an image runs this before anything is installed.
"""

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("shared", "infra/*", "services/*")
REFERENCE = re.compile(r"(?P<name>[\w./-]+)\s*(?:\[(?P<extras>[^]]*)\])?")


def projects(root: Path = ROOT) -> dict[str, dict[str, Any]]:
    """The `[project]` tables of our own projects, by folder relative to the root."""
    files = sorted(path for folder in FOLDERS for path in root.glob(f"{folder}/pyproject.toml"))
    return {str(file.parent.relative_to(root)): tomllib.loads(file.read_text())["project"] for file in files}


def third_party(references: Iterable[str], known: dict[str, dict[str, Any]]) -> list[str]:
    """What the projects named by folder, with or without `[extras]`, need that is not ours, sorted.

    Raises:
        SystemExit: A folder is none of our projects, or has no such extra.
    """
    folders = {project["name"]: folder for folder, project in known.items()}
    waiting, seen, found = list(references), set[str](), set[str]()
    while waiting:
        reference = waiting.pop()
        for requirement in _needs(reference, known):
            name, extras = _parse(requirement)
            if name not in folders:
                found.add(requirement)
            elif (ours := f"{folders[name]}[{extras}]") not in seen:
                seen.add(ours)
                waiting.append(ours)
    return sorted(found)


def _needs(reference: str, known: dict[str, dict[str, Any]]) -> Iterator[str]:
    folder, extras = _parse(reference)
    if folder not in known:
        sys.exit(f"{folder} is no folder of a project of ours; there are: {', '.join(known)}")
    yield from known[folder].get("dependencies", [])
    offered = known[folder].get("optional-dependencies", {})
    for extra in filter(None, re.split(r"[\s,]+", extras)):
        if extra not in offered:
            sys.exit(f"{folder} has no extra {extra}; it has: {', '.join(offered) or 'none'}")
        yield from offered[extra]


def _parse(requirement: str) -> tuple[str, str]:
    match = REFERENCE.match(requirement)
    if match is None:
        sys.exit(f"{requirement!r} names no project")
    return match["name"].rstrip("/"), match["extras"] or ""


if __name__ == "__main__":
    print("\n".join(third_party(sys.argv[1:], projects())))
