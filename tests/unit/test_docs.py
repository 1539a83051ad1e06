"""What the documentation tells people to type exists: make's targets and variables, settings, options, files."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest
from pydantic import BaseModel

from data_splitter.settings import SplitSettings
from evaluator.settings import EvalSettings
from grpo_trainer.settings import GrpoSettings
from local_hub.cli import main as local_hub
from reporter.gate.settings import GateSettings
from reporter.settings import ReportSettings
from sft_trainer.settings import SftSettings

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    page
    for pattern in ("*.md", "docs/*.md", "infra/*/*.md", "services/*/README.md", ".env.example")
    for page in ROOT.glob(pattern)
)
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
# What a command begins after.
COMMAND_BEGIN = r"(?:^|\(|bin/|&& |; |[A-Z_]=\S+ )"
# What ends a command in a line of code: another one, or a wide gap before what it does.
COMMAND_END = re.compile(r"\s{2,}|[;|&)]|$")
SETTINGS = {
    str(settings.model_config["env_prefix"]): settings
    for settings in (SplitSettings, SftSettings, GrpoSettings, EvalSettings, ReportSettings, GateSettings)
}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def code(page: Path) -> list[str]:
    """The lines of fenced blocks, and what stands in backquotes."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    if page.suffix != ".md":
        return text.splitlines()
    fenced = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    return [line for block in fenced for line in block.splitlines()] + re.findall(r"`([^`]+)`", prose)


def commands(page: Path, program: str) -> list[list[str]]:
    """The words after a program wherever code calls it; those that stand for others (`<id>`, `…`) are left out."""
    found = []
    for line in (re.split(r"(?:^|\s)#", line)[0] for line in code(page)):
        line = re.sub(r"<[^>]*>", "…", line)
        for call in re.finditer(rf"{COMMAND_BEGIN}{program}(?=\s)", line):
            rest = line[call.end() :]
            text = rest[: COMMAND_END.search(rest).start()]
            found.append(
                [word for word in shlex.split(text) if not re.search(r"[<>…]", word.partition("=")[0])]
            )
    return found


def make_variables() -> list[str]:
    return (
        re.search(r"^VARIABLES := ((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)[1].replace("\\\n", " ").split()
    )


def make_targets() -> list[str]:
    lines = re.findall(r"^([a-z][a-z %-]*):", MAKEFILE, re.MULTILINE)
    return [target for line in lines for target in line.split()]


def fits(word: str, known: list[str]) -> bool:
    return any(re.fullmatch(name.replace("%", ".+"), word) for name in known)


def has_setting(settings: type[BaseModel], name: str) -> bool:
    """Whether settings have a field, or a group has one: `lora__rank`."""
    first, _, rest = name.partition("__")
    if first not in settings.model_fields:
        return False
    return not rest or has_setting(settings.model_fields[first].annotation, rest)


@every_page
def test_every_call_of_make_names_targets_and_variables_that_exist(page):
    words = [word for command in commands(page, "make") for word in command if not word.startswith("-")]
    unknown = [
        word
        for word in words
        if not fits(word.partition("=")[0], make_variables() if "=" in word else make_targets())
    ]
    assert unknown == []


@every_page
def test_every_setting_that_is_named_exists(page):
    for line in code(page):
        for prefix, name in re.findall(r"\b(SPLIT_|SFT_|GRPO_|EVAL_|REPORT_|GATE_)([A-Z]\w*)", line):
            assert has_setting(SETTINGS[prefix], name.lower()), f"{prefix}{name}"


@every_page
def test_every_call_of_local_hub_names_a_command_and_options_that_exist(page, capsys):
    for words in commands(page, "local-hub"):
        own = words[: words.index("--")] if "--" in words else words
        if not own or own[0].startswith("-"):
            continue
        with pytest.raises(SystemExit, match="0"):
            local_hub([own[0], "--help"])
        described = capsys.readouterr().out
        assert [word for word in own[1:] if word.startswith("--") and word not in described] == []


@every_page
def test_every_module_that_is_run_exists(page):
    modules = [module for line in code(page) for module in re.findall(r"python -m ([\w.]+)", line)]
    assert [module for module in modules if find_spec(module) is None] == []


@every_page
def test_every_file_that_is_linked_to_is_there(page):
    links = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []
