"""The first rows of a parquet file, read in a process of its own: `python -m local_hub.web.parquet < file`.

A file from a repo may be made to break the library that reads it: that must not take the hub and its jobs along.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, Any

MAX_ROWS = 20
MAX_COLUMNS = 40
MAX_CELL = 300
CPU_SECONDS = 10
PATIENCE_SECONDS = 20.0
MAX_MEMORY_BYTES = 4 * 1024**3
NO_PYARROW = (
    "To see the rows here, install pyarrow beside the hub (pip install pyarrow), then reload this page."
)
TOO_BUSY = "Other files are being read right now; reload this page in a moment."
TOO_HARD = "This file could not be read within the limits of a preview. Download it to look into it."

_turns = threading.BoundedSemaphore(2)
# Whoever waits holds a thread, of which all other requests have but 40.
_places = threading.BoundedSemaphore(8)


def read_parquet(stored: bytes | Path) -> dict[str, Any]:
    """Columns with their types and the first rows; or a note that says why there are none."""
    if not _places.acquire(blocking=False):
        return only(TOO_BUSY)
    try:
        if not _turns.acquire(timeout=PATIENCE_SECONDS):
            return only(TOO_BUSY)
        try:
            return _read_apart(stored)
        finally:
            _turns.release()
    finally:
        _places.release()


def only(note: str) -> dict[str, Any]:
    """A table without rows, and why."""
    return {"caption": "", "head": [], "rows": [], "note": note, "facts": {}}


def short(value: object) -> str:
    """A value of a cell, in one glance."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= MAX_CELL else f"{text[:MAX_CELL]}…"


def _read_apart(stored: bytes | Path) -> dict[str, Any]:
    with _open(stored) as file:
        try:
            result = subprocess.run(
                # -P: what lies in the folder where the hub happens to be is not imported.
                [sys.executable, "-P", "-m", "local_hub.web.parquet"],
                stdin=file,
                capture_output=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return only(TOO_HARD)
    if result.returncode != 0:
        return only(TOO_HARD)
    table: dict[str, Any] = json.loads(result.stdout)
    return table


def _open(stored: bytes | Path) -> IO[bytes]:
    """A file that can be read from anywhere; small contents lie in the database, not on disk."""
    if isinstance(stored, Path):
        return stored.open("rb")
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever called closes it
    file.write(stored)
    file.seek(0)
    return file


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _table(file: Any) -> dict[str, Any]:
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError:
        return only(NO_PYARROW)
    try:
        opened = parquet.ParquetFile(file)
        schema, rows = opened.schema_arrow, opened.metadata.num_rows
        columns = schema.names[:MAX_COLUMNS]
        batches = opened.iter_batches(batch_size=MAX_ROWS, columns=columns, use_threads=False)
        first = next(batches, None)
        values = [] if first is None else first.to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        return only(f"This cannot be read as parquet: {short(error)}")
    hidden = len(schema.names) - len(columns)
    return {
        "caption": f"The first {len(values):,} of {rows:,} rows",
        "head": [{"name": name, "type": str(schema.field(name).type)} for name in columns],
        "rows": [[short(row.get(name)) for name in columns] for row in values],
        "note": f"{hidden:,} more columns are not shown." if hidden else None,
        "facts": {},
    }


if __name__ == "__main__":
    # Its own allocators reserve more room than the limit leaves.
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    _limit()
    json.dump(_table(sys.stdin.buffer), sys.stdout)
