"""`local-hub web`: a link that logs a browser in."""

import argparse
import http.client
import json
import sys
from pathlib import Path
from typing import Any

from local_hub.directory import command_for
from local_hub.errors import HubError
from local_hub.owner import ask_hub
from local_hub.state import RunningHub, find_running

ANSWER_SECONDS = 10.0


def add_web(commands: Any, place: argparse.ArgumentParser) -> None:
    """Adds the command to the parser."""
    text = "print a link that opens the hub's pages in a browser, logged in; it works once, for five minutes"
    command = commands.add_parser("web", parents=[place], help=text, description=text)
    command.set_defaults(action=_web)


def _web(options: argparse.Namespace) -> int:
    hub = find_running(options.dir)
    if hub is None:
        raise HubError(f"No hub serves {options.dir}. Start it: {command_for('start', options.dir)}")
    code = _ask_code(hub, options.dir)
    print("Open this in a browser, within five minutes:", file=sys.stderr)
    print(f"{hub.url}/login?code={code}")
    return 0


def _ask_code(hub: RunningHub, directory: Path) -> str:
    try:
        with ask_hub(hub, directory, "POST", "/login-code", seconds=ANSWER_SECONDS) as answer:
            return str(json.loads(answer.read())["code"])
    except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
        raise HubError(f"The hub at {hub.url} gave no link. Stop it and start it again.") from error
