"""`python -m local_hub` is `local-hub`."""

import sys

EXIT_STOPPED = 130  # as a shell says of what ended by Ctrl-C


def main() -> int:
    """Runs one command; returns its exit code, also where Ctrl-C comes while it is still being imported."""
    try:
        from local_hub.cli import main as run

        return run()
    except KeyboardInterrupt:
        print("error: stopped.", file=sys.stderr)
        return EXIT_STOPPED


if __name__ == "__main__":
    sys.exit(main())
