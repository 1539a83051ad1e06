"""`uv run` on a machine without uv: the script runs with the hub's own Python, if that has what it needs."""

import re
import shutil
import sys
import tomllib
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from local_hub.jobs.executors.base import ExecutorError, Say

INSTALL = "install uv where the hub runs: pip install uv"
# Source: packaging.python.org, "Inline script metadata".
_METADATA = re.compile(r"^# /// script\s*$\n(?P<lines>(?:^#(?: .*)?$\n)+?)^# ///\s*$", re.MULTILINE)
_PACKAGE = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_WITH, _PYTHON = ("--with", "-w"), ("--python", "-p")


def without_uv(command: list[str], path: str, say: Say) -> list[str]:
    """The command as it is, unless it is `uv run` and `path` has no uv: then one that does the same.

    Raises `ExecutorError` where the hub's Python lacks what the script needs.
    """
    if command[:2] != ["uv", "run"] or shutil.which("uv", path=path):
        return command
    wanted, rest = _parse(command[2:])
    if not rest or rest[0].startswith(("http://", "https://")):
        raise ExecutorError(f"uv is not on this machine, and without it only files can be run; {INSTALL}")
    wanted += _inline_dependencies(Path(rest[0]))
    found = {name: _installed(name) for name in wanted}
    missing = ", ".join(name for name, installed in found.items() if installed is None)
    if missing:
        raise ExecutorError(f"uv is not on this machine, and the hub's Python lacks {missing}; {INSTALL}")
    packages = ", ".join(f"{name} {installed}" for name, installed in found.items()) or "none asked for"
    python = ".".join(map(str, sys.version_info[:3]))
    say(
        f"uv is not on this machine: this runs with the hub's own Python {python} and its packages ({packages})"
    )
    return [sys.executable, *rest] if rest[0].endswith(".py") else rest


def _parse(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The packages that options ask for, and what is to run."""
    waiting = list(arguments)
    packages: list[str] = []
    while waiting and waiting[0].startswith("-"):
        option, equals, value = waiting.pop(0).partition("=")
        if option not in (*_WITH, *_PYTHON):
            raise ExecutorError(f"uv is not on this machine, and `uv run {option}` needs it; {INSTALL}")
        if not equals:
            value = waiting.pop(0) if waiting else ""
        if option in _WITH:
            packages += _names(value.split(","))
    return packages, waiting


def _inline_dependencies(script: Path) -> list[str]:
    if script.suffix != ".py" or not script.is_file():
        return []
    block = _METADATA.search(script.read_text("utf-8", "replace"))
    if block is None:
        return []
    lines = (line.removeprefix("#").removeprefix(" ") for line in block["lines"].splitlines())
    try:
        dependencies = tomllib.loads("\n".join(lines)).get("dependencies", [])
    except tomllib.TOMLDecodeError as error:
        raise ExecutorError(f"the metadata of {script.name} is no TOML: {error}") from error
    return list(_names(map(str, dependencies)))


def _names(requirements: Sequence[str] | Iterator[str]) -> Iterator[str]:
    return (match[1] for match in map(_PACKAGE.match, requirements) if match)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
