"""Make the miniature dataset and model, look at them, and put them on a Hub."""

import argparse
import json
import sys

from shared.errors import run_to_exit_code


def main() -> int:
    """Run one command and return the process's exit code."""
    return run_to_exit_code(COMMANDS[_parse_arguments().command])


def push() -> None:
    """Push the dataset and the model to the Hub that HF_ENDPOINT names."""
    from huggingface_hub.utils import disable_progress_bars, logging  # type: ignore[attr-defined]

    from shared.hub import Hub
    from starter.push import push_dataset, push_model

    disable_progress_bars()
    # It would warn that there is nothing new to commit.
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    hub = Hub()
    for push_one in (push_dataset, push_model):
        print(push_one(hub), flush=True)


def rows() -> None:
    """Print the questions as JSON Lines."""
    from starter.questions import build_rows

    for row in build_rows():
        print(json.dumps(row, ensure_ascii=False))


def train() -> None:
    """Make the miniature model anew: about seven minutes on two cores."""
    from starter.pretrain.train import train_model
    from starter.repos import MODEL_FOLDER

    train_model(MODEL_FOLDER)


COMMANDS = {"push": push, "rows": rows, "train": train}


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m starter", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.__doc__)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
