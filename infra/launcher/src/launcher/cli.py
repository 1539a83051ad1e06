"""Run the phases of the pipeline as jobs, and look at runs.

What jobs print goes to standard output, what the launcher itself says to standard error.
"""

import os
import signal

from huggingface_hub.utils import disable_progress_bars, tqdm  # type: ignore[attr-defined]

from launcher.arguments import parse_arguments
from launcher.commands import COMMANDS, run_command
from launcher.profiles import IMAGE_VARIABLE
from shared.errors import run_to_exit_code


def run() -> int:
    """Run one command and return the process's exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    arguments = parse_arguments(COMMANDS, __doc__)
    if arguments.image:
        os.environ[IMAGE_VARIABLE] = arguments.image
    disable_progress_bars()
    # Its thread would watch bars that are not shown, and keep the launcher from forking what checks the settings.
    tqdm.monitor_interval = 0
    return run_to_exit_code(lambda: run_command(arguments))
