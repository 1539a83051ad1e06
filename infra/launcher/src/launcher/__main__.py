"""Run the phases of the pipeline as jobs, and look at runs."""

import sys

from dotenv import load_dotenv


def main() -> int:
    """Read `.env` before the Hub client is imported, for the client takes HF_ENDPOINT and HF_TOKEN at import."""
    load_dotenv(".env")
    from launcher.cli import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
