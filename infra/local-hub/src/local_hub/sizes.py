"""Numbers of bytes as people write and read them."""

import re

_UNITS = {"": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "tb": 1000**4}
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([kmgt]?b)?", re.IGNORECASE)


def parse_bytes(text: str) -> int:
    """The bytes in `500MB`, `1.5 GB` or `1000`, in powers of 1000 as on the Hub; raises `ValueError` otherwise."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text} is no size; write it as 500MB, 10GB or 2TB")
    unit = (match[2] or "").lower()
    return int(float(match[1]) * _UNITS.get(unit, 1))


def format_bytes(number: int) -> str:
    """The same the other way round, to one decimal."""
    for unit in ("TB", "GB", "MB", "kB"):
        factor = _UNITS[unit.lower()]
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number} bytes"
