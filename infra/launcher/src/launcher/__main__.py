"""Run the phases of the pipeline as jobs, and look at runs."""

import os
import sys

from dotenv import load_dotenv

from shared.addresses import can_be_hub
from shared.errors import BadInput, run_to_exit_code


def main() -> int:
    """Read `.env` before the Hub client is imported, for the client takes HF_ENDPOINT and HF_TOKEN at import."""
    load_dotenv(".env")
    return run_to_exit_code(_run)


def _run() -> int:
    _require_usable(os.environ.get("HF_ENDPOINT"), os.environ.get("HF_TOKEN", ""))
    from launcher.cli import run

    return run()


def _require_usable(endpoint: str | None, token: str) -> None:
    """Refuse what the client takes at import and would fail over with a traceback."""
    if endpoint is not None and not can_be_hub(endpoint):
        raise BadInput(
            f"HF_ENDPOINT is {endpoint!r}, which is no address of a Hub. Write it as in https://huggingface.co, or "
            "leave it out for the local hub."
        )
    if not token.isascii():
        raise BadInput(
            "HF_TOKEN holds a character that no token has, as the dots of an example. Copy your own anew: "
            "https://huggingface.co/settings/tokens."
        )


if __name__ == "__main__":
    sys.exit(main())
