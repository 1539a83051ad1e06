"""A local hub that is killed and started again on the same folder and port."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

START_SECONDS = 60
STOP_SECONDS = 30


class KillableHub:
    """The hub of a chaos run; `url` stays the same over all its lives."""

    def __init__(self, folder: Path, job_slots: int = 4) -> None:
        self._folder = folder
        self._command = [sys.executable, "-m", "local_hub", "serve", "--dir", str(folder / "hub")]
        self._command += ["--job-slots", str(job_slots)]
        self.url = ""
        self.start()
        self.token = (folder / "hub" / "token").read_text().strip()

    def start(self) -> None:
        """Start it and wait until it answers, at the address that it had before."""
        with open(self._folder / "hub.log", "ab") as log:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log, text=True)
        os.set_blocking(self._process.stdout.fileno(), False)
        deadline = time.monotonic() + START_SECONDS
        while not (url := self._process.stdout.readline().strip()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the hub did not start; see {self._folder / 'hub.log'}")
            time.sleep(0.02)
        if self.url not in ("", url):
            raise RuntimeError(f"the hub came back at {url} instead of {self.url}")
        self.url = url

    def kill(self) -> None:
        """Kill it with SIGKILL, whatever it is doing."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)
        self._process.stdout.close()

    def stop(self) -> None:
        """Let it end as it should."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._process.stdout.close()

    def is_intact(self) -> bool:
        """Tell whether its database passes SQLite's own check."""
        with sqlite3.connect(self._folder / "hub" / "hub.sqlite3") as database:
            return database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    def is_whole(self) -> bool:
        """Tell whether every file, folder and commit has its hash, and all that they name is there."""
        command = [sys.executable, "-m", "local_hub", "verify", "--dir", str(self._folder / "hub")]
        return subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0

    def client_environment(self, url: str, name: str) -> dict[str, str]:
        """Return a process's whole environment as a client that reaches the hub at `url`, with caches of its own."""
        home = self._folder / "homes" / name
        tests = str(Path(__file__).parents[1])
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return inherited | {
            "HF_ENDPOINT": url,
            "HF_TOKEN": self.token,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DOWNLOAD_TIMEOUT": "2",
            "HF_HUB_ETAG_TIMEOUT": "2",
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": tests,
            "PYTHONUNBUFFERED": "1",
        }

    def forget_state(self, name: str, run_id: str) -> None:
        """Remove what a client's machine still has of a run, as if the next job came to another machine."""
        shutil.rmtree(
            self._folder / "homes" / name / "medmcqa-pipeline" / "local" / run_id, ignore_errors=True
        )
