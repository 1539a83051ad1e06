"""Numbers and texts as the explanations write them."""

MAX_COMPLETION = 240


def integer(value: float) -> str:
    """Return a count, with commas."""
    return f"{round(value):,}"


def decimal(value: float, digits: int = 4) -> str:
    """Return a number to so many digits that count, with a real minus."""
    return f"{value:.{digits}g}".replace("-", "−")


def fixed(value: float) -> str:
    """Return a number with four decimals."""
    return f"{value:.4f}".replace("-", "−")


def signed(value: float) -> str:
    """Return a number with its sign and four decimals."""
    return f"{value:+.4f}".replace("-", "−")


def shorten(completion: str) -> str:
    """Return a completion for a cell of a table, on one line."""
    line = " ".join(completion.split())
    return line if len(line) <= MAX_COMPLETION else f"{line[:MAX_COMPLETION]} …"
