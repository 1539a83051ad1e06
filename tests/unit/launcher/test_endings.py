"""How a job ended, in the words of the Jobs API."""

import pytest
from huggingface_hub import JobInfo

from launcher.endings import final_exit_code
from shared.errors import ExitCode


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("exit code 4", ExitCode.GUARD_TRIPPED),
        ("Job failed with exit code: 4. Reason: Error", ExitCode.GUARD_TRIPPED),
        ("exit code 2; out of memory", ExitCode.BAD_INPUT),
        ("Job failed with exit code: 1. Reason: Error", None),
        ("exit code 5", None),
        ("exit code 43", None),
        ("killed by signal 9 (Killed)", None),
        ("Job timeout reached", None),
        (None, None),
    ],
)
def test_an_end_is_final_where_the_exit_code_says_that_it_would_come_again(message, code):
    owner = {"id": "1", "name": "me", "type": "user"}
    job = JobInfo(id="x", owner=owner, status={"stage": "ERROR", "message": message})
    assert final_exit_code(job) == code
