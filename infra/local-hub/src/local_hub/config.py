"""Where a hub keeps its data and where it listens."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class HubConfig:
    """Settings of one hub.

    `directory` holds everything the hub ever writes. `port` 0 lets the system choose a free one.
    """

    directory: Path
    host: str = "127.0.0.1"
    port: int = 0
