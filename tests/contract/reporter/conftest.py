"""The report's page in headless Chromium, with the network cut."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.reporter.conftest import hostile_parts, make_run, make_stage, make_summary, settings

__all__ = ["hostile_parts", "make_run", "make_stage", "make_summary", "settings"]

LOCAL = ("file:", "data:")


@pytest.fixture
def open_page(chromium, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens HTML from a file in a browser without a network; fails whatever asks for it or complains."""
    contexts, asked, complaints = [], [], []

    def open_file(html: str, fragment: str = "", **options: Any) -> Any:
        path = tmp_path / f"report-{len(contexts)}.html"
        path.write_text(html, encoding="utf-8")
        context = chromium.new_context(offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.goto(f"{path.as_uri()}{fragment}")
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert [url for url in asked if not url.startswith(LOCAL)] == []
    assert complaints == []
