"""How a command of ours ends: with a documented exit code, and a line where there is something to say."""

import importlib
import subprocess
import sys

import pytest

from shared.errors import BadInput, ExitCode, run_to_exit_code


def interrupt(*_):
    raise KeyboardInterrupt


def refuse():
    raise BadInput("There is no such run. List them: make runs.")


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (lambda: None, ExitCode.OK, ""),
        (lambda: ExitCode.GUARD_TRIPPED, ExitCode.GUARD_TRIPPED, ""),
        (refuse, ExitCode.BAD_INPUT, "error: There is no such run. List them: make runs.\n"),
        (interrupt, ExitCode.INTERRUPTED, "error: stopped.\n"),
    ],
)
def test_a_command_ends_with_its_code_and_one_line_without_traceback(capsys, command, code, said):
    assert run_to_exit_code(command) == code
    assert tuple(capsys.readouterr()) == ("", said)


@pytest.mark.parametrize("page", ["compare", "seeds"])
def test_pages_of_several_runs_are_stopped_without_traceback(capsys, monkeypatch, page):
    module = importlib.import_module(f"reporter.{page}.__main__")
    monkeypatch.setattr(module, "Hub", interrupt)
    monkeypatch.setattr(sys, "argv", [page, "--run-ids", "a", "b", "--namespace", "me"])
    assert module.main() == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "error: stopped.\n"


def test_a_reader_that_has_seen_enough_is_no_traceback():
    script = (
        "import sys; from shared.errors import run_to_exit_code\n"
        "def count():\n    for number in range(100_000): print(number)\n"
        "sys.exit(run_to_exit_code(count))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == ExitCode.INTERRUPTED
