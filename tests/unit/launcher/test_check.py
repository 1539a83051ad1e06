"""Where the services check their settings: in a fork of the launcher, which is quick, as long as it has one thread."""

import subprocess
import sys
import threading

import pytest

from launcher.check import Question, ask_services
from shared.errors import ExitCode

# A mistake ends the command at once; what the Hub's client does then for each file that it reads starts no thread.
BARS = """
import sys, threading
from huggingface_hub.utils import tqdm
from launcher.cli import run
sys.argv = ["launcher", "plan", "--profile", "nosuch"]
assert run() != 0
tqdm(total=1).close()
print(threading.active_count())
"""


def test_the_launcher_stays_a_process_of_one_thread_when_it_reads_files():
    done = subprocess.run([sys.executable, "-c", BARS], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr.count("There is no profile nosuch")) == ("1\n", 1), done.stderr


@pytest.mark.parametrize("other_threads", [0, 1])
def test_services_are_asked_until_one_refuses_whatever_else_runs(other_threads):
    options = ["--run-id", "r", "--namespace", "n"]
    questions = [
        Question(["reporter", *options], {}),
        Question(["reporter", *options], {"REPORT_PNG_DPI": "none"}),
        Question(["reporter", *options], {}),
    ]
    ended = threading.Event()
    threads = [threading.Thread(target=ended.wait) for _ in range(other_threads)]
    for thread in threads:
        thread.start()
    try:
        accepted, refused = ask_services(questions)
    finally:
        ended.set()
    assert (accepted.code, accepted.errors) == (0, "")
    assert accepted.output.startswith("report: settings are valid.")
    assert refused.code == ExitCode.BAD_INPUT
    assert "report setting png_dpi='none' (environment)" in refused.errors
