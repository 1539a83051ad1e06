"""Say whether a run's best model may replace the one in use: `python -m reporter.gate --run-id RUN --baseline …`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reporter.gate.settings import GateSettings
from shared.decision import GATE_FILE, GATE_PAGE
from shared.errors import ExitCode, run_to_exit_code
from shared.settings import load_settings

if TYPE_CHECKING:
    from shared.hub import Hub

REPORTS_FOLDER = Path("reports")


def main() -> int:
    """Judge and return the exit code: 0 it may, 4 it may not, 2 or 3 there is nothing to compare."""
    return run_to_exit_code(_judge_or_check)


def _judge_or_check() -> int:
    settings = load_settings(GateSettings, sys.argv[1:]).settings
    assert isinstance(settings, GateSettings)
    if settings.check:
        print("gate: settings are valid.")
        return ExitCode.OK
    from shared.hub import Hub

    return judge_run(Hub(), settings)


def judge_run(hub: "Hub", settings: GateSettings) -> int:
    """Judge a run, show and write down what is found, and return the exit code."""
    # Only now that the settings are valid: these load numpy, pyarrow and the Hub client.
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]
    from rich.console import Console

    from reporter.gate.output import Decision, record, render_markdown, render_summary, show
    from reporter.gate.resolve import resolve_baseline, resolve_run
    from reporter.gate.rules import judge, level_of_bounds

    disable_progress_bars()
    second = resolve_run(hub, settings.namespace, settings.run_id)
    first = resolve_baseline(hub, settings.namespace, settings.baseline)
    level = level_of_bounds(first, second, settings.level)
    decision = Decision(first, second, level, judge(first, second, settings))
    show(decision, Console(highlight=False))
    folder = REPORTS_FOLDER / settings.run_id
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / GATE_PAGE
    page.write_text(render_markdown(decision), encoding="utf-8")
    record_text = record(decision, settings).model_dump_json(indent=2)
    (folder / GATE_FILE).write_text(f"{record_text}\n", encoding="utf-8")
    print(render_summary(decision), f"Markdown: {page}", sep="\n", flush=True)
    return ExitCode.OK if decision.may_replace else ExitCode.GUARD_TRIPPED


if __name__ == "__main__":
    sys.exit(main())
