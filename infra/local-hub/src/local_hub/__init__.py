"""An embedded server for the Hugging Face Hub and Jobs APIs."""

from typing import TYPE_CHECKING, Any

from local_hub.errors import HubError

if TYPE_CHECKING:
    from local_hub.embedded import LocalHub as LocalHub

__all__ = ["HubError", "LocalHub"]


def __getattr__(name: str) -> Any:
    """Imports `LocalHub` when it is first used: the server and pytest's start do without it."""
    if name == "LocalHub":
        from local_hub.embedded import LocalHub

        return LocalHub
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
