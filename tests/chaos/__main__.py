"""Break the pipeline on purpose and count what is lost."""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Run all campaigns and return the exit code: 0 where nothing was lost or doubled."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=0, help="what everything random is drawn from (default: 0)"
    )
    parser.add_argument(
        "--hub-kills", type=int, default=170, metavar="N", help="kills of the hub under writers"
    )
    parser.add_argument(
        "--walk-kills", type=int, default=100, metavar="N", help="kills of the hub under random changes"
    )
    parser.add_argument(
        "--job-kills", type=int, default=250, metavar="N", help="kills of jobs without training"
    )
    parser.add_argument("--training-kills", type=int, default=100, metavar="N", help="kills of SFT and GRPO")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    _isolate(folder)
    # Only now: the client reads the environment once.
    from chaos.campaigns import run_campaigns

    try:
        tally = run_campaigns(options, folder)
    finally:
        if options.keep:
            print(f"Kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{tally.table()}\n")
    for finding in (*tally.lost, *tally.doubled, *tally.wrong):
        print(f"FOUND: {finding}")
    print(f"seed {options.seed}: {'nothing was lost, nothing doubled' if tally.is_good else 'NOT GOOD'}")
    return 0 if tally.is_good else 1


def _isolate(folder: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGING", "TRANSFORMERS_")):
            del os.environ[name]
    os.environ |= {
        "HF_HOME": str(folder / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_VERBOSITY": "error",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


if __name__ == "__main__":
    sys.exit(main())
