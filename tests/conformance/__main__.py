"""Judges the local hub by the own tests of the libraries that talk to it: `make conformance`.

They run unchanged, each library's against a fresh hub. A test that fails has to be in the library's file of
expectations, with the reason, and a test that is there has to fail: whatever changes, shows. Ends with 1 where
something has changed, with 2 where nothing was judged.

    python -m conformance                    # all libraries
    python -m conformance --suite datasets   # one

What else the command line holds goes to pytest, which then runs just that, compared with nothing:

    python -m conformance --suite datasets tests/test_load.py -k zip
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.suite import NoSuite, fetch_suite
from conformance.suites import SUITES, Suite
from conformance.verdict import judge

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".conformance"
LOOPBACK = "127.0.0.1,localhost"
STOP_SECONDS = 30
TEST_SECONDS = 120
PYTEST = ("-m", "pytest", "-c/dev/null", "--rootdir=.", "-pno:cacheprovider", "-pconformance.request_counts")
QUIET = ("-qq", "--disable-warnings", "-Werror::FutureWarning")
IN_FULL = ("--numprocesses=2", "--tb=no", "-rN")


def main() -> int:
    """Runs the tests and compares; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m conformance",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--suite", choices=SUITES, help="one of them (default: all)")
    named, options = parser.parse_known_args()
    try:
        return max(_judge(name, options) for name in ([named.suite] if named.suite else SUITES))
    except NoSuite as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _judge(name: str, options: list[str]) -> int:
    suite, begun = SUITES[name], time.monotonic()
    folder = fetch_suite(suite, CACHE)
    with tempfile.TemporaryDirectory(prefix="conformance-") as scratch, _hub(Path(scratch)) as url:
        results = Path(scratch) / "results.xml"
        code = _run(suite, folder, url, Path(scratch), options or _in_full(suite, results))
        if options or code not in (0, 1):
            return code
        verdict = judge(results, HERE / suite.expected)
    print(name, *verdict.lines(), f"{time.monotonic() - begun:.0f} s", sep="\n")
    return 0 if verdict.is_as_expected else 1


@contextmanager
def _hub(scratch: Path) -> Iterator[str]:
    """A hub with the users whom the tests expect, and nothing in it."""
    command = [sys.executable, "-m", "local_hub", "serve", "--dir", str(scratch / "hub")]
    command += ["--users", str(HERE / "users.toml")]
    log = CACHE / "hub.log"
    with (
        open(log, "wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        if not url:
            sys.exit(f"The local hub did not start:\n{log.read_text('utf-8')}")
        try:
            yield url
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def _in_full(suite: Suite, results: Path) -> list[str]:
    return [
        *IN_FULL,
        f"--dist={suite.distribution}",
        f"--junit-xml={results}",
        *(f"tests/{test}" for test in suite.tests),
        *(f"--deselect=tests/{test}" for test in suite.left_out),
    ]


def _run(suite: Suite, folder: Path, url: str, scratch: Path, options: list[str]) -> int:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING", "PYTEST"))
    }
    environment = kept | {
        "HF_ENDPOINT": url,
        "HF_HOME": str(scratch / "client"),
        "NO_PROXY": LOOPBACK,
        "no_proxy": LOOPBACK,
        # The plugin is of this package.
        "PYTHONPATH": str(HERE.parent),
        **suite.environment,
    }
    limits = ["-m", suite.marks, f"--timeout={TEST_SECONDS}", "--basetemp", str(scratch / "tests")]
    command = [sys.executable, *PYTEST, *QUIET, *limits, *options]
    return subprocess.run(command, cwd=folder, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
