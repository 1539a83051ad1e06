"""Run the phases of the pipeline as jobs, and look at runs."""

import sys

from dotenv import load_dotenv

from shared.errors import run_to_exit_code


def main() -> int:
    """Read `.env` before the Hub client is imported, for the client takes HF_ENDPOINT and HF_TOKEN at import."""
    load_dotenv(".env")
    return run_to_exit_code(_run)


def _run() -> int:
    from launcher.cli import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
