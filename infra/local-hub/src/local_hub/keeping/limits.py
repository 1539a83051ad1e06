"""The options that say how much room repos may take."""

import argparse

from local_hub.config import DEFAULT_KEEP_FREE_BYTES, HubConfig
from local_hub.sizes import format_bytes, parse_bytes


def add_limit_options(options: argparse.ArgumentParser) -> None:
    """Adds `--quota` and `--keep-free`."""
    options.add_argument(
        "--quota",
        type=_size,
        metavar="SIZE",
        help="how much the repos of each namespace may take, as 500MB or 2TB (default: no limit)",
    )
    options.add_argument(
        "--keep-free",
        type=_size,
        default=DEFAULT_KEEP_FREE_BYTES,
        metavar="SIZE",
        help=f"how much of the disk uploads leave free (default {format_bytes(DEFAULT_KEEP_FREE_BYTES)})",
    )


def limit_options(config: HubConfig) -> list[str]:
    """The options that give a hub the limits of a config."""
    quota = [] if config.quota_bytes is None else ["--quota", str(config.quota_bytes)]
    return [*quota, "--keep-free", str(config.keep_free_bytes)]


def _size(text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
