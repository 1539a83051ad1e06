"""The workflow files as data."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from workflows.expressions import Unsupported

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / ".github" / "workflows"


def load_workflow(name: str) -> dict[str, Any]:
    """Return a workflow by its file's name without ending; `on`, which YAML takes for true, is under "on".

    Raises:
        Unsupported: there is no such file.
    """
    known = sorted(path.stem for path in WORKFLOWS.glob("*.yml"))
    if name not in known:
        raise Unsupported(f"there is no workflow {name!r}; there are: {', '.join(known)}")
    content = yaml.safe_load((WORKFLOWS / f"{name}.yml").read_text("utf-8"))
    return {("on" if key is True else key): value for key, value in content.items()}


def list_steps(workflow: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every step with its job's name."""
    for job, content in workflow["jobs"].items():
        for step in content["steps"]:
            yield job, step


def make_targets(script: str) -> list[str]:
    """Return the targets that a script calls make for, in order."""
    calls = re.findall(r"(?:^|[\s(;&])make((?:[ \t]+[^\s;&|)>]+)*)", script, re.MULTILINE)
    words = (word for call in calls for word in re.sub(r"\w+=(\"[^\"]*\"|\S*)", "", call).split())
    return [word for word in words if not word.startswith("-")]
