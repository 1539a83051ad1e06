"""The report's page in headless Chromium, with the network cut."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.reporter.conftest import hostile_parts, make_run, make_stage, make_summary, settings

__all__ = ["hostile_parts", "make_run", "make_stage", "make_summary", "settings"]

LOCAL = ("file:", "data:")


class Pages:
    """Pages without a network, lent to tests: to open one costs as much as to load a report.

    Attributes:
        asked: the addresses that pages have asked for.
        complaints: what they have said on the console or in a dialog, and the errors of their scripts.
    """

    def __init__(self, browser: Any) -> None:
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self._browser = browser
        self._idle: defaultdict[str, list[Any]] = defaultdict(list)
        self._lent: list[tuple[str, Any]] = []

    def lend(self, **options: Any) -> Any:
        """A page of a context with these options that nobody else has."""
        kind = repr(sorted(options.items()))
        page = self._idle[kind].pop() if self._idle[kind] else self._open(options)
        self._lent.append((kind, page))
        return page

    def take_back(self) -> None:
        """Make all pages fit for the next test."""
        for kind, page in self._lent:
            page.goto("about:blank")
            page.emulate_media(media="null")
            self._idle[kind].append(page)
        self._lent.clear()
        self.asked.clear()
        self.complaints.clear()

    def _open(self, options: dict[str, Any]) -> Any:
        page = self._browser.new_context(offline=True, **options).new_page()
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        return page


@pytest.fixture(scope="module")
def pages_without_network(chromium) -> Pages:
    return Pages(chromium)


@pytest.fixture
def open_page(pages_without_network: Pages, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Opens HTML from a file in a browser without a network; fails whatever asks for it or complains."""
    numbers = itertools.count()

    def open_file(html: str, fragment: str = "", **options: Any) -> Any:
        path = tmp_path / f"report-{next(numbers)}.html"
        path.write_text(html, encoding="utf-8")
        page = pages_without_network.lend(**options)
        page.goto(f"{path.as_uri()}{fragment}")
        return page

    yield open_file
    asked, complaints = list(pages_without_network.asked), list(pages_without_network.complaints)
    pages_without_network.take_back()
    assert [url for url in asked if not url.startswith(LOCAL)] == []
    assert complaints == []
