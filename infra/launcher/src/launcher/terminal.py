"""How a job's log looks to the person who follows it: a bar in a terminal, plain lines elsewhere."""

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from shared.progress import parse_progress


class LogView:
    """Shows log lines as they come. In a terminal, progress lines move a bar instead of scrolling by."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> "LogView":
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.completed:.0f}/{task.total:.0f}  {task.fields[rest]}"),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, line: str) -> None:
        """Show one line of the job's log."""
        progress = parse_progress(line)
        if self._bar is None or progress is None:
            self._console.print(line, markup=False, emoji=False)
            return
        if self._task is None:
            self._task = self._bar.add_task(progress.phase, total=progress.total, rest="")
        self._bar.update(self._task, completed=progress.step, total=progress.total, rest=progress.rest)


def say(text: str) -> None:
    """Tell the user something about the launcher's own doing, on standard error."""
    print(text, file=sys.stderr, flush=True)


def ask_on_interrupt(job_id: str) -> str:
    """Ask what Ctrl-C meant: "detach", "cancel" or "follow". Without a terminal it always means cancel."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return "cancel"
    say(
        f"\nJob {job_id} is running. [c]ancel it (or Enter), [d]etach and let it run, or [f]ollow it further?"
    )
    try:
        answer = input("c/d/f: ").strip().lower()
    except (EOFError, KeyboardInterrupt):
        return "cancel"
    return {"d": "detach", "f": "follow"}.get(answer[:1], "cancel")
