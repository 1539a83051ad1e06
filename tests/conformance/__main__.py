"""Judges the local hub by the official client's own tests: `make conformance`.

They run unchanged against a fresh hub. A test that fails has to be in `expected.toml`, with the reason, and a test that
is there has to fail: whatever changes, shows. Ends with 1 where something has changed, with 2 where nothing was judged.

With options of pytest (`python -m conformance tests/test_lfs.py -k batch`) it runs those tests and compares nothing.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conformance.suite import LEFT_OUT, MARKS, TESTS, NoSuite, fetch_suite
from conformance.verdict import judge

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".conformance"
LOOPBACK = "127.0.0.1,localhost"
STOP_SECONDS = 30
TEST_SECONDS = 120
PYTEST = ("-m", "pytest", "-c/dev/null", "--rootdir=.", "-pno:cacheprovider", "-qq", "--disable-warnings")
# A class shares repos, so its tests stay together.
IN_FULL = ("--numprocesses=2", "--dist=loadscope", "--tb=no", "-rN")


def main() -> int:
    """Runs the tests and compares; returns the exit code."""
    options = sys.argv[1:]
    begun = time.monotonic()
    try:
        suite = fetch_suite(CACHE)
    except NoSuite as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="conformance-") as scratch, _hub(Path(scratch)) as url:
        results = Path(scratch) / "results.xml"
        code = _run(suite, url, Path(scratch), results, options)
        if options or code not in (0, 1):
            return code
        verdict = judge(results, HERE / "expected.toml")
    print(*verdict.lines(), f"{time.monotonic() - begun:.0f} s", sep="\n")
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


def _run(suite: Path, url: str, scratch: Path, results: Path, options: list[str]) -> int:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING", "PYTEST"))
    }
    environment = kept | {
        "HF_ENDPOINT": url,
        "HF_HOME": str(scratch / "client"),
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": LOOPBACK,
        "no_proxy": LOOPBACK,
    }
    command = [sys.executable, *PYTEST, "-Werror::FutureWarning", "-m", MARKS, f"--timeout={TEST_SECONDS}"]
    command += [f"--junit-xml={results}", "--basetemp", str(scratch / "tests")]
    in_full = [
        *IN_FULL,
        *(f"tests/{test}" for test in TESTS),
        *(f"--deselect=tests/{test}" for test in LEFT_OUT),
    ]
    return subprocess.run(command + (options or in_full), cwd=suite, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
