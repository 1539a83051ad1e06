"""Long lists, a page at a time."""


def window(start: int, size: int, count: int) -> dict[str, int | None]:
    """Which part of so many rows a page shows, and where the pages beside it begin."""
    return {
        "count": count,
        "start": start,
        "earlier": max(start - size, 0) if start else None,
        "later": start + size if start + size < count else None,
    }
