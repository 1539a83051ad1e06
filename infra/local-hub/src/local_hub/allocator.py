"""How the hub's process keeps memory that it frees."""

import ctypes

# Of <malloc.h>. Network reads and blocks of files are below the first; the process keeps at most the second for later.
_MMAP_THRESHOLD, _LARGEST_REUSED_BYTES = -3, 8 * 1024**2
_TRIM_THRESHOLD, _KEPT_BYTES = -1, 32 * 1024**2
# Threads share as many heaps: each keeps so much.
_ARENA_MAX, _HEAPS = -8, 2


def reuse_buffers() -> None:
    """Lets blocks of content reuse each other's memory; does nothing where the C library is not glibc.

    By default glibc gives such blocks back to the system at once, and each new one costs a page fault for every 4 KB:
    more than receiving it does.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        libc.mallopt(_MMAP_THRESHOLD, _LARGEST_REUSED_BYTES)
        libc.mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_ARENA_MAX, _HEAPS)
