"""Git's file patterns: which files `.gitattributes` makes large ones, which ones `.gitignore` leaves out."""

import re
from functools import lru_cache

_LARGE_BY_DEFAULT = """
*.7z *.arrow *.avi *.bin *.bz2 *.ckpt *.flac *.ftz *.gguf *.gz *.h5 *.jpeg *.jpg *.joblib *.lz4
*.mlmodel *.model *.mp3 *.mp4 *.msgpack *.npy *.npz *.onnx *.ot *.parquet *.pb *.pickle *.pkl *.png
*.pt *.pth *.rar *.safetensors saved_model/**/* *.tar.* *.tar *.tflite *.tgz *.wasm *.wav *.webp
*.xz *.zip *.zst *tfevents*
"""
DEFAULT_ATTRIBUTES = "".join(
    f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in _LARGE_BY_DEFAULT.split()
)


def is_large_by_attributes(attributes: str, path: str) -> bool:
    """Whether the last line of a `.gitattributes` that speaks about the path's filter says LFS."""
    large = False
    for line in attributes.splitlines():
        pattern, *settings = line.split() or [""]
        filters = [setting for setting in settings if setting.lstrip("-!").partition("=")[0] == "filter"]
        if filters and not pattern.startswith("#") and _regex(pattern).fullmatch(path):
            large = filters[-1] == "filter=lfs"
    return large


def is_ignored(rules: str, path: str) -> bool:
    """Whether a `.gitignore` leaves the file out, by its own name or by that of a folder it lies in."""
    parts = path.split("/")
    folders = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
    return any(_matches_last(rules, folder, is_folder=True) for folder in folders) or _matches_last(
        rules, path, is_folder=False
    )


def _matches_last(rules: str, path: str, is_folder: bool) -> bool:
    ignored = False
    for line in rules.splitlines():
        pattern = line.rstrip()
        if not pattern or pattern.startswith("#"):
            continue
        negated = pattern.startswith("!")
        pattern = pattern.removeprefix("!")
        applies = is_folder or not pattern.endswith("/")
        if applies and _regex(pattern.rstrip("/")).fullmatch(path):
            ignored = not negated
    return ignored


@lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    """A pattern without a slash matches the last name of a path; one with a slash the whole path."""
    anywhere = "" if "/" in pattern else "(?:.*/)?"
    tokens = re.findall(r"\*\*/|/\*\*$|\*+|\?|\[[^\]]+\]|\\.|.", pattern.lstrip("/"))
    return re.compile(anywhere + "".join(_translate(token) for token in tokens))


def _translate(token: str) -> str:
    match token:
        case "**/":
            return "(?:.*/)?"
        case "/**":
            return "/.*"
        case "?":
            return "[^/]"
        case _ if token.startswith("*"):
            return "[^/]*"
        case _ if token.startswith("[") and len(token) > 1:
            return (
                "[" + ("^" if token[1] in "!^" else "") + token[1:-1].lstrip("!^").replace("\\", "\\\\") + "]"
            )
        case _:
            return re.escape(token.removeprefix("\\") or token)
