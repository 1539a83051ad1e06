"""`uv run` on a machine without uv."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from local_hub.jobs.executors.base import ExecutorError
from local_hub.jobs.executors.uv import without_uv


@pytest.fixture
def script(tmp_path):
    """Makes a script with these inline dependencies, which prints its arguments."""

    def make(*dependencies: str) -> str:
        path = tmp_path / "script.py"
        listed = ", ".join(f"'{dependency}'" for dependency in dependencies)
        path.write_text(
            f"# /// script\n# dependencies = [{listed}]\n#\n# ///\nimport sys\nprint(sys.argv[1:])\n"
        )
        return str(path)

    return make


def run(*words: str) -> tuple[list[str], list[str]]:
    """The command that runs instead, where no uv is found, and what is said."""
    said: list[str] = []
    return without_uv(["uv", "run", *words], "/nowhere", said.append), said


def test_a_script_runs_with_the_hubs_python_and_packages(script):
    command, said = run("--with", "starlette", "--python=3.12", script("huggingface-hub>=1.0"), "--lr", "2")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (command[0], done.stdout) == (sys.executable, "['--lr', '2']\n")
    [line] = said
    assert f"(starlette {version('starlette')}, huggingface-hub {version('huggingface-hub')})" in line


def test_a_package_that_the_hub_lacks_is_named(script):
    with pytest.raises(ExecutorError, match="hub's Python lacks no-such-package, nor-this; install uv"):
        run("--with", "no-such-package[extra]>=2", script("nor-this @ https://x/y.whl", "starlette"))


@pytest.mark.parametrize("words", [["--with-editable", ".", "x.py"], [], ["https://x/script.py"]])
def test_what_only_uv_can_do_is_refused(words):
    with pytest.raises(ExecutorError, match="install uv where the hub runs"):
        run(*words)


@pytest.mark.parametrize("command", [["uv", "run", "python", "-V"], ["python", "uv"], ["uv", "--version"]])
def test_a_command_is_left_as_it_is_where_there_is_uv_or_nothing_for_it(command, tmp_path):
    uv = tmp_path / "uv"
    uv.touch(0o755)
    assert without_uv(command, str(tmp_path), pytest.fail) == command


def test_a_command_that_is_no_script_runs_by_its_name():
    assert run("-p", "3.12", "python", "-V")[0] == ["python", "-V"]
