"""Lets services check their settings one after the other in one process: starting Python is most of what a check costs.

    python -m launcher.check < requests.json

Standard input holds a list of objects: `command` (`["python", "-m", "sft_trainer", …]`), `environment`, and `prefix`,
that of the variables which are not inherited. The exit code is that of the first service that refuses; it has said why
on standard error by then.
"""

import json
import os
import runpy
import sys


def main() -> int:
    """Check what standard input names."""
    inherited = dict(os.environ)
    for request in json.load(sys.stdin):
        os.environ.clear()
        os.environ.update(_without(inherited, request["prefix"]) | request["environment"])
        if code := _check(request["command"]):
            return code
    return 0


def _check(command: list[str]) -> int:
    """Run `python -m package …` as its own process would, and return its exit code."""
    _, _, package, *options = command
    sys.argv = [package, *options, "--check"]
    try:
        runpy.run_module(package, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _without(environment: dict[str, str], prefix: str) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith(prefix)}


if __name__ == "__main__":
    sys.exit(main())
