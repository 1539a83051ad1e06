"""What the Makefile makes of its variables, before it starts anything."""

import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[2] / "Makefile"


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Calls make in a folder of its own, where the target `show` prints variables."""
    for name in ("MAKEFLAGS", "MAKELEVEL", "HF_ENDPOINT", "HUB_DIR", "PROFILE"):
        monkeypatch.delenv(name, raising=False)
    show = "show:; @echo $(PROFILE) $(HUB_DIR) $(HF_ENDPOINT)"

    def call(*arguments):
        command = ["make", "--file", str(MAKEFILE), "--eval", show, "show", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return call


def test_a_variable_that_does_not_exist_is_refused_before_anything_is_spent(make):
    for given, code in (("BUGET_USD=2", 2), ("BUDGET_USD=2", 0), ("SFT_MAX_STEPS=2", 0)):
        result = make(given)
        assert result.returncode == code
        assert ("There is no variable BUGET_USD (make help lists them)." in result.stderr) == (code == 2)


def test_what_should_last_comes_from_dotenv_unless_the_shell_or_the_command_says_otherwise(
    make, tmp_path, monkeypatch
):
    assert make().stdout == ".hub\n"
    lines = ["# PROFILE=t4-small", "PROFILE=smoke", 'HF_ENDPOINT="https://hub.example"', "HF_TOKEN=hf_x", ""]
    (tmp_path / ".env").write_text("\n".join(lines))
    assert make().stdout == "smoke .hub https://hub.example\n"
    assert make("PROFILE=laptop").stdout == "laptop .hub https://hub.example\n"
    monkeypatch.setenv("HF_ENDPOINT", "")
    assert make().stdout == "smoke .hub\n"


def test_what_ends_a_hub_or_a_job_installs_nothing_first_where_the_lock_has_changed(tmp_path):
    (tmp_path / "constraints.txt").touch()
    (tmp_path / "requirements-dev.txt").touch()
    program = tmp_path / ".venv" / "bin" / "local-hub"

    def commands(target):
        command = ["make", "--file", str(MAKEFILE), "--dry-run", target, "HF_ENDPOINT="]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert "Installing into .venv" in commands("hub-stop")
    program.parent.mkdir(parents=True)
    program.touch()
    for target in ("hub-stop", "hub-status", "cancel"):
        assert commands(target).startswith(".venv/bin/local-hub ")
    assert "Installing into .venv" in commands("sft")
