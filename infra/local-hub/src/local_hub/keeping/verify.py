"""`local-hub verify`: hashes files, folders and commits again; says what is damaged and which commits it touches."""

import argparse
from contextlib import closing
from pathlib import Path
from typing import Any

from local_hub.directory import store_errors
from local_hub.keeping.damage import Inspection, bytes_to_hash, hash_blobs
from local_hub.keeping.opening import open_to_read
from local_hub.progress import Progress
from local_hub.repos.blobs import OBJECTS_FOLDER

EXIT_WHOLE, EXIT_DAMAGED = 0, 1


def add_verify(commands: Any, place: argparse.ArgumentParser) -> None:
    """Adds the command to the command line."""
    text = "hash files, folders and commits again, and name what is damaged (exit code 1: something is)"
    command = commands.add_parser("verify", parents=[place], help=text, description=text)
    command.set_defaults(action=lambda options: verify(options.dir))


def verify(directory: Path) -> int:
    """Prints each damage in a line; returns the exit code. Changes nothing, so that the hub may run."""
    with store_errors(directory), closing(open_to_read(directory)) as db:
        objects = directory / OBJECTS_FOLDER
        with Progress("verifying", bytes_to_hash(db)) as progress:
            bad_blobs = hash_blobs(db, objects, progress)
            db.execute("BEGIN")
            damages = list(Inspection(db, objects, bad_blobs, progress).run())
    print(*damages, f"{len(damages)} damaged" if damages else "whole: every hash is right", sep="\n")
    return EXIT_DAMAGED if damages else EXIT_WHOLE
