"""`python -m local_hub.attached serve …`: a hub that stops when its standard input closes.

Whoever started it holds the other end of that pipe: however that process ends, the hub does not outlive it.
"""

import os
import signal
import sys
import threading

from local_hub.cli import main


def stop_with_standard_input() -> None:
    """Waits until nobody holds the other end, then stops this process as a signal would."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=stop_with_standard_input, daemon=True).start()
    sys.exit(main())
