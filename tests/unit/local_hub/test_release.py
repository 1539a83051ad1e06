"""The version that the hub says it is."""

import pytest

from local_hub.cli import main
from local_hub.release import own_version


def test_code_that_is_not_installed_runs_without_a_version():
    assert own_version("a-distribution-that-nobody-installed") == "unknown"


def test_the_command_says_its_version(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"local-hub {own_version()}\n")
