"""The report of a run: read, judge, draw, render, publish."""

from reporter.charts import draw_charts
from reporter.console import render_results_text, render_state_text
from reporter.inputs import load_run
from reporter.notebook import build_notebook
from reporter.render import render_html, render_markdown
from reporter.settings import ReportSettings
from reporter.summary import Summary, summarise
from shared.job import Job, Outcome


def write_report(job: Job) -> Outcome:
    """Write and publish the run's report, and print its table."""
    settings: ReportSettings = job.settings
    summary = summarise(load_run(job), settings)
    files = render_report(summary, settings)
    ref = job.publish_run_files({f"report/{name}": content for name, content in files.items()})
    folder = f"runs/{job.run_id}/report"
    _print_results(job, summary, f"{ref.repo_id}/{folder}/report.html")
    outputs = {"report": ref.model_copy(update={"path": folder})}
    return Outcome(outputs, metrics={"complete": summary.is_complete})


def render_report(summary: Summary, settings: ReportSettings) -> dict[str, bytes]:
    """Return the report's files: report.html, report.md, the notebook of a run with predictions, one PNG a chart."""
    charts = draw_charts(summary, settings.png_dpi)
    pages = {"report.html": render_html(summary, charts), "report.md": render_markdown(summary, charts)}
    if notebook := build_notebook(summary.run):
        pages["report.ipynb"] = notebook
    pictures = {f"{name}.png": chart.png for name, chart in charts.items()}
    return {name: page.encode() for name, page in pages.items()} | pictures


def _print_results(job: Job, summary: Summary, place: str) -> None:
    if summary.scores:
        job.log(render_results_text(summary))
    if summary.scores or summary.is_complete:
        job.log(summary.headline)
    if summary.next_step:
        job.log(render_state_text(summary, summary.next_step))
    for finding in summary.findings:
        job.log(f"- {finding.text}")
    job.log(f"The report is in the Hub's dataset repo {place}.")
