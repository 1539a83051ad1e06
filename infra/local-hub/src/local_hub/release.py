"""Which version of the hub this is."""

from importlib.metadata import PackageNotFoundError, version


def own_version(distribution: str = "local-hub") -> str:
    """The installed version; "unknown" where the code lies on Python's path uninstalled, as in the hub's image."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "unknown"
