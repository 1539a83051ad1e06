"""A folder that outlives a job: what an attempt of a phase leaves on this machine for the next one."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import constants

LOCK = ".lock"


@contextmanager
def state_folder(namespace: str, run_id: str, phase: str) -> Iterator[Path]:
    """Give a phase its folder under `HF_HOME`, to one job at a time.

    A second job that works on the same phase at the same time gets a folder of its own, which is removed afterwards.
    """
    folder = Path(constants.HF_HOME) / "medmcqa-pipeline" / namespace / run_id / phase
    folder.mkdir(parents=True, exist_ok=True)
    # The lock goes with the process, however that ends.
    lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with tempfile.TemporaryDirectory(prefix=f"{phase}-state-") as own:
            yield Path(own)
    else:
        yield folder
    finally:
        os.close(lock)


def remove_state(folder: Path) -> None:
    """Remove a phase's folder when nothing in it is needed any more."""
    shutil.rmtree(folder, ignore_errors=True)
