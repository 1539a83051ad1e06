"""Git's file patterns: which files `.gitattributes` makes large ones, which ones `.gitignore` leaves out.

Whoever writes to a repo writes its patterns. So each is matched name by name, in a time that grows no faster than
the lengths of pattern and path multiplied, which one regular expression for all of a path would not do.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from local_hub.errors import ApiError

MAX_RULES = 1000
# As in git, a longer line is none.
_MAX_LINE = 2048

_LARGE_BY_DEFAULT = """
*.7z *.arrow *.avi *.bin *.bz2 *.ckpt *.flac *.ftz *.gguf *.gz *.h5 *.jpeg *.jpg *.joblib *.lz4
*.mlmodel *.model *.mp3 *.mp4 *.msgpack *.npy *.npz *.onnx *.ot *.parquet *.pb *.pickle *.pkl *.png
*.pt *.pth *.rar *.safetensors saved_model/**/* *.tar.* *.tar *.tflite *.tgz *.wasm *.wav *.webp
*.xz *.zip *.zst *tfevents*
"""
DEFAULT_ATTRIBUTES = "".join(
    f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in _LARGE_BY_DEFAULT.split()
)
_TOKENS = re.compile(r"\*+|\?|\[[!^]?\]?[^\]]*\]|\\.|.", re.DOTALL)
# Stands for any number of folders among the expressions for single names.
_FOLDERS = None


@dataclass(frozen=True)
class _Rule:
    """A line of a `.gitattributes` about LFS, or of a `.gitignore`; the last that matches decides."""

    names: tuple[re.Pattern[str] | None, ...]
    holds: bool
    only_folders: bool = False

    def ends(self, parts: Sequence[str]) -> set[int]:
        """How many of the path's names, from the first on, make a path that the pattern means."""
        ends = {0}
        for name in self.names:
            if name is _FOLDERS:
                ends = set(range(min(ends), len(parts) + 1)) if ends else ends
            else:
                ends = {end + 1 for end in ends if end < len(parts) and name.fullmatch(parts[end])}
        return ends


def is_large_by_attributes(attributes: str, path: str) -> bool:
    """Whether the last line of a `.gitattributes` that speaks about the path's filter says LFS.

    Raises 413 where there are more lines than any real one has.
    """
    parts = path.split("/")
    rules = reversed(_attribute_rules(attributes))
    return next((rule.holds for rule in rules if len(parts) in rule.ends(parts)), False)


def is_ignored(rules: str, path: str) -> bool:
    """Whether a `.gitignore` leaves the file out, by its own name or by that of a folder it lies in; raises 413."""
    parts = path.split("/")
    decided: dict[int, bool] = {}
    for rule in reversed(_ignore_rules(rules)):
        for end in rule.ends(parts):
            if end < len(parts) or not rule.only_folders:
                decided.setdefault(end, rule.holds)
    return any(decided.values())


@lru_cache(maxsize=16)
def _attribute_rules(attributes: str) -> tuple[_Rule, ...]:
    rules = []
    for line in _lines(attributes, ".gitattributes"):
        pattern, *settings = line.split()
        filters = [setting for setting in settings if setting.lstrip("-!").partition("=")[0] == "filter"]
        if filters:
            rules.append(_Rule(_parse(pattern), filters[-1] == "filter=lfs"))
    return tuple(rules)


@lru_cache(maxsize=16)
def _ignore_rules(text: str) -> tuple[_Rule, ...]:
    rules = []
    for line in _lines(text, ".gitignore"):
        pattern = line.rstrip().removeprefix("!")
        rules.append(_Rule(_parse(pattern.rstrip("/")), not line.startswith("!"), pattern.endswith("/")))
    return tuple(rules)


def _lines(text: str, name: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) > MAX_RULES:
        raise ApiError(
            413, f"A {name} has at most {MAX_RULES} lines here, and this one {len(lines)}; join some"
        )
    return [line for line in lines if len(line) <= _MAX_LINE]


def _parse(pattern: str) -> tuple[re.Pattern[str] | None, ...]:
    """A pattern without a slash matches the last name of a path; one with a slash the whole path."""
    names: list[re.Pattern[str] | None] = [] if "/" in pattern else [_FOLDERS]
    for name in pattern.lstrip("/").split("/"):
        if name != "**":
            names.append(_expression(name))
        elif names[-1:] != [_FOLDERS]:
            names.append(_FOLDERS)
    if names[-1] is _FOLDERS:  # what is in a folder, but not the folder
        names.append(_expression("*"))
    return tuple(names)


def _expression(name: str) -> re.Pattern[str]:
    """One name. What follows a star is taken where it first comes, never tried again: all of it has a fixed length."""
    first, *others = _split_at_stars(name)
    if not others:
        return re.compile(first, re.DOTALL)
    *middle, last = others
    found = "".join(f"(?>.*?{part})" for part in middle)
    return re.compile(f"{first}{found}.*{last}", re.DOTALL)


def _split_at_stars(name: str) -> list[str]:
    parts = [""]
    for token in _TOKENS.findall(name):
        if token.startswith("*"):
            parts.append("")
        else:
            parts[-1] += _one_letter(token)
    return parts


def _one_letter(sign: str) -> str:
    if sign == "?":
        return "."
    if sign.startswith("[") and len(sign) > 1:
        return _one_of(sign[1:-1])
    return re.escape(sign.removeprefix("\\") or sign)


def _one_of(letters: str) -> str:
    """One letter of a set such as `a-z_` or `!0-9`; a range from a later letter to an earlier one has none."""
    negated = letters.startswith(("!", "^"))
    found = ""
    for first, last in re.findall(r"(?s)\\?(.)(?:-\\?(.))?", letters[negated:]):
        if not last or first <= last:
            found += re.escape(first) + (f"-{re.escape(last)}" if last else "")
    if not found:
        return "." if negated else "(?!)"
    return f"[{'^' if negated else ''}{found}]"
