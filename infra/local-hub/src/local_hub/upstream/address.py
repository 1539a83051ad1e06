"""Which Hub stands behind this one, and the token for it."""

import argparse
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from local_hub.addresses import is_loopback
from local_hub.errors import HubError

TOKEN_VARIABLE = "LOCAL_HUB_UPSTREAM_TOKEN"  # noqa: S105 - the name of a variable
_READABLE_BY_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class UpstreamAddress:
    """Another Hub: its origin such as `https://huggingface.co`, and the token by which it knows this hub's owner."""

    url: str
    token: str | None = field(default=None, repr=False)


def add_upstream_options(options: argparse.ArgumentParser) -> None:
    """Adds what names the upstream to a command."""
    options.add_argument(
        "--upstream",
        metavar="URL",
        help="fetch from this Hub what is not here, such as https://huggingface.co",
    )
    options.add_argument(
        "--upstream-token-file",
        type=lambda text: Path(text).absolute(),
        metavar="FILE",
        help=f"holds the token for it, readable by its owner only (default: the variable {TOKEN_VARIABLE})",
    )


def read_address(
    url: str | None, token_file: Path | None, environment: Mapping[str, str]
) -> UpstreamAddress | None:
    """The address, with the token from the file or else from the environment; None where none is named.

    Raises:
        HubError: this is no address, others may read the file, or the token would travel unencrypted.
    """
    if not url:
        if token_file is not None:
            raise HubError("--upstream-token-file needs --upstream, the Hub that the token is for.")
        return None
    origin = parse_origin(url)
    token = _read_token(token_file) if token_file else environment.get(TOKEN_VARIABLE, "").strip()
    if not token:
        return UpstreamAddress(origin)
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise HubError(
            "The token for the upstream has letters that no token has. Look at where it comes from."
        )
    if origin.startswith("http://") and not is_loopback(urlsplit(origin).hostname or ""):
        raise HubError(f"The token would travel unencrypted to {origin}. Use https://, or no token.")
    return UpstreamAddress(origin, token)


def parse_origin(url: str) -> str:
    """The origin that an address names, without a slash at its end; raises `HubError` for anything else."""
    try:
        parts = urlsplit(url.strip())
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        # An address with a password in it must not be repeated.
        raise HubError(
            "--upstream must be a Hub's address such as https://huggingface.co, without path or password."
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _read_token(path: Path) -> str:
    try:
        if path.stat().st_mode & _READABLE_BY_OTHERS:
            raise HubError(f"Others may read the token in {path}. Take that from them: chmod 600 {path}")
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise HubError(f"Cannot read the upstream's token in {path}: {reason}.") from error
    if not token:
        raise HubError(f"{path} is empty; it must hold the upstream's token.")
    return token
