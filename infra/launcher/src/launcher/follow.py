"""Read a job's log to its end in a thread of its own, so that whoever waits for it can be interrupted at any moment."""

import threading
import time
from dataclasses import dataclass, field
from itertools import islice
from queue import Empty, SimpleQueue

import httpx2
from huggingface_hub import JobInfo
from huggingface_hub.errors import HfHubHTTPError

from launcher.endings import is_over
from shared.hub import Hub
from shared.retry import is_passing

# Of tries to follow a log that came to nothing, in a row.
MAX_FAILURES = 8
MAX_PAUSE_SECONDS = 15.0


@dataclass
class LogFollower:
    """A job's log as it comes; it begins to be read when the first line is asked for.

    A signal that arrives just before a thread begins to read from a socket is not dealt with until something can be
    read, which for a silent job is half a minute later. So the main thread waits for a queue, and never for long.
    """

    hub: Hub
    job_id: str
    namespace: str
    _news: "SimpleQueue[str | JobInfo | Exception]" = field(default_factory=SimpleQueue, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _passed_on: int = field(default=0, init=False)

    def wait(self, seconds: float) -> str | JobInfo | None:
        """Return the next line, the job when it has ended, or None where nothing came within the time.

        Raises:
            HfHubHTTPError, httpx2.TransportError: the log cannot be followed any more.
        """
        if self._thread is None:
            # A daemon, for nothing ends it where the user lets the job run on by itself.
            self._thread = threading.Thread(target=self._read, daemon=True)
            self._thread.start()
        try:
            news = self._news.get(timeout=seconds)
        except Empty:
            return None
        if isinstance(news, Exception):
            raise news
        return news

    def _read(self) -> None:
        try:
            self._news.put(self._read_to_the_end())
        except Exception as error:  # noqa: BLE001 - raised where the log is waited for
            self._news.put(error)

    def _read_to_the_end(self) -> JobInfo:
        """Pass the log on, going on behind the last line where the connection is lost; return the job as it ended."""
        failures = 0
        while True:
            before = self._passed_on
            try:
                self._pass_on(follow=True)
                job = self.hub.api.inspect_job(job_id=self.job_id, namespace=self.namespace)
                if is_over(job):
                    # Where the connection broke shortly before the job's end, the client leaves out the last lines.
                    self._pass_on(follow=False)
                    return job
            except (HfHubHTTPError, httpx2.TransportError) as error:
                failures = 1 if self._passed_on > before else failures + 1
                if failures > MAX_FAILURES or not is_passing(error):
                    raise
            time.sleep(min(MAX_PAUSE_SECONDS, 2.0**failures))

    def _pass_on(self, follow: bool) -> None:
        lines = self.hub.api.fetch_job_logs(job_id=self.job_id, namespace=self.namespace, follow=follow)
        for line in islice(lines, self._passed_on, None):
            self._news.put(line)
            self._passed_on += 1
