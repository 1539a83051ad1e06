"""`local-hub gc`: removes what no commit and no upload needs any more; says what, and how much room it took."""

import argparse
import http.client
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_hub.directory import command_for, store_errors
from local_hub.errors import HubError
from local_hub.keeping.collect import GC_PATH, LEAST_AGE_SECONDS, Collection
from local_hub.keeping.opening import database_of, open_store
from local_hub.owner import ask_hub
from local_hub.repos.contents import UnfinishedCommits
from local_hub.repos.trees import DamagedFolderError
from local_hub.sizes import format_bytes
from local_hub.state import RunningHub, find_running, hold_store

HOUR_SECONDS = 3600.0

Amounts = Mapping[str, Mapping[str, int]]


def add_gc(commands: Any, place: argparse.ArgumentParser) -> None:
    """Adds the command to the command line."""
    text = "remove files and folders that no commit needs any more, and unfinished uploads; the hub may run"
    command = commands.add_parser("gc", parents=[place], help=text, description=text)
    command.add_argument(
        "--dry-run", action="store_true", help="remove nothing, only say what would be removed"
    )
    command.add_argument(
        "--older-than",
        type=_hours,
        default=24.0,
        metavar="HOURS",
        help="keep large files that were uploaded or asked for since, which a client may be about to commit "
        "(default 24; at least 1 while the hub runs)",
    )
    command.set_defaults(action=lambda options: gc(options.dir, options.older_than, options.dry_run))


def gc(directory: Path, hours: float = 24.0, dry_run: bool = False) -> int:
    """Collects the garbage of a hub, by that hub itself if it runs; prints what it was."""
    database_of(directory)
    running = find_running(directory)
    if running is not None:
        amounts = _ask(running, directory, hours, dry_run)
    else:
        with store_errors(directory), hold_store(directory):
            amounts = _collect(directory, hours, dry_run)
    _print_amounts(amounts, dry_run)
    return 0


def _collect(directory: Path, hours: float, dry_run: bool) -> Amounts:
    oldest = time.time() - hours * HOUR_SECONDS
    with open_store(directory) as (database, blobs):
        try:
            return Collection(database, blobs, UnfinishedCommits(), oldest, dry_run).run().amounts()
        except DamagedFolderError as error:
            raise HubError(
                f"Nothing was removed: {error}. See what is damaged: {command_for('verify', directory)}"
            ) from error


def _ask(hub: RunningHub, directory: Path, hours: float, dry_run: bool) -> Amounts:
    if hours * HOUR_SECONDS < LEAST_AGE_SECONDS:
        raise HubError(
            "While the hub runs, --older-than is at least 1: an upload under way may need what is younger. "
            f"Stop it first: {command_for('stop', directory)}"
        )
    body = json.dumps({"older_than_seconds": hours * HOUR_SECONDS, "dry_run": dry_run})
    try:
        with ask_hub(hub, directory, "POST", GC_PATH, body) as answer:
            content = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise HubError(
            f"The hub at {hub.url} does not answer ({error}). Try again, or stop it first."
        ) from error
    if answer.status != http.client.OK:
        raise HubError(f"The hub at {hub.url} says: {content.get('error')}")
    amounts: Amounts = content
    return amounts


def _print_amounts(amounts: Amounts, dry_run: bool) -> None:
    for name, amount in amounts.items():
        print(f"{name.replace('_', ' '):<20}{amount['count']:>8}  {format_bytes(amount['bytes']):>12}")
    total = format_bytes(sum(amount["bytes"] for amount in amounts.values()))
    print(f"{'would be removed' if dry_run else 'removed':<28}  {total:>12}")


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = -1
    if not 0 <= hours < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not a number of hours from 0 up")
    return hours
