"""The audit for known vulnerabilities, with the real pip-audit and a database of its own, and what is accepted."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "infra/images"))  # programs, and no package
from accepted import LIST, Acceptance, BadList, read_accepted  # noqa: E402
from vulnerabilities import Vulnerability, acceptance_of, unneeded  # noqa: E402

TODAY = date(2026, 11, 29)
ENTRY = '[[IgnoredVulns]]\nid = "{id}"\nignoreUntil = {until}\nreason = "Nothing calls it."\n'
KNOWN = {
    "torch": {"id": "GHSA-torch", "aliases": ["CVE-2026-1"], "fixed": "2.10.0"},
    "rich": {"id": "PYSEC-rich", "aliases": [], "fixed": "16.0.0"},
}


class Database(BaseHTTPRequestHandler):
    """Answers as OSV's does."""

    def do_POST(self) -> None:
        name = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
        body = json.dumps({"vulns": [vulnerability(name)]} if name in KNOWN else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Says nothing."""


def vulnerability(name: str) -> dict:
    known = KNOWN[name]
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": known["fixed"]}]}]
    affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "ranges": ranges}]
    return {"id": known["id"], "aliases": known["aliases"], "summary": "Bad.", "affected": affected}


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The address of a database in which a torch and a rich are vulnerable."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Database) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()


def accept(folder: Path, *ids: str, until: date | None = None) -> Path:
    """A list that accepts these, for a week from now."""
    until = until or date.today() + timedelta(days=7)
    (folder / "osv-scanner.toml").write_text("".join(ENTRY.format(id=each, until=until) for each in ids))
    return folder / "osv-scanner.toml"


def audit(*options: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "infra/images/audit.py", *map(str, options)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_what_is_accepted_passes_and_is_shown_with_its_reason(database, tmp_path):
    (tmp_path / "evaluator.packages").write_text("torch==2.9.0+cpu\nclick==8.5.1\n")
    # Another image may have what this one has not.
    accepted = accept(tmp_path, "GHSA-torch", "GHSA-elsewhere")
    result = audit("--lists", tmp_path / "evaluator.packages", "--accepted", accepted, "--osv-url", database)
    assert result.returncode == 0, result.stderr
    until = date.today() + timedelta(days=7)
    assert result.stdout.splitlines() == [
        "evaluator: 2 packages",
        f"torch 2.9.0: CVE-2026-1, GHSA-torch; fixed in 2.10.0; accepted until {until}: Nothing calls it.",
    ]


def test_the_lock_fails_for_what_is_not_accepted_and_for_what_is_accepted_needlessly(database, tmp_path):
    lock = tmp_path / "constraints.txt"
    lock.write_text(
        "".join(f"{pin} \\\n    --hash=sha256:{'0' * 64}\n" for pin in ("torch==2.9.0", "rich==15.0.0"))
    )
    accepted = accept(tmp_path, "CVE-2026-1", "GHSA-gone")
    result = audit("--lock", lock, "--accepted", accepted, "--osv-url", database)
    assert result.returncode == 1
    assert result.stdout.splitlines()[1] == "rich 15.0.0: PYSEC-rich; fixed in 16.0.0"
    unaccepted, needless = result.stderr.splitlines()[-2:]
    assert unaccepted.startswith("error: 1 known vulnerability that osv-scanner.toml does not accept. ")
    assert (
        needless == "error: osv-scanner.toml accepts GHSA-gone, which no locked version has. Remove the entry"
    )


def test_an_expired_entry_fails_before_anything_is_looked_up(tmp_path):
    accepted = accept(tmp_path, "GHSA-torch", until=date.today())
    result = audit("--lock", "constraints.txt", "--accepted", accepted, "--osv-url", "http://127.0.0.1:9")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(
        f"error: osv-scanner.toml: GHSA-torch was accepted until {date.today()} (Nothing calls it.). "
    )
    assert "make lock UPGRADE=1" in result.stderr


def test_a_database_that_does_not_answer_is_no_clean_bill(tmp_path):
    (tmp_path / "reporter.packages").write_text("rich==15.0.0\n")
    result = audit("--lists", tmp_path / "reporter.packages", "--osv-url", "http://127.0.0.1:9")
    assert result.returncode == 1
    assert "error: reporter: not every package could be looked up" in result.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[IgnoredVulns]\n", "cannot be read"),
        ('[IgnoredVulns]\nid = "A"\n', "begin each entry with a line [[IgnoredVulns]]"),
        ("[[PackageOverrides]]\n", "has PackageOverrides, which is not known"),
        ('[[IgnoredVulns]]\nignoreUntil = 2026-12-01\nreason = "x"\n', "an entry without id: id is missing"),
        ('[[IgnoredVulns]]\nid = "A"\nreason = "x"\n', "A: ignoreUntil is missing"),
        ('[[IgnoredVulns]]\nid = "A"\nignoreUntil = 2026-12-01\n', "A: reason is missing"),
        (ENTRY.format(id="A", until="2026-12-01") + 'until = "x"\n', "A: until is not known"),
        (ENTRY.format(id="A", until='"2026-12-01"'), "A: ignoreUntil is no date"),
        (ENTRY.format(id="A", until="2026-12-01T10:00:00"), "A: ignoreUntil is no date"),
        (ENTRY.format(id="A", until="2027-06-01"), "A: ignoreUntil is more than 180 days ahead"),
        (ENTRY.format(id="A", until="2026-11-29"), "A was accepted until 2026-11-29 (Nothing calls it.)"),
        ('[[IgnoredVulns]]\nid = "A"\nignoreUntil = 2026-12-01\nreason = " "\n', "A: reason is empty"),
        (ENTRY.format(id="A", until="2026-12-01") * 2, "has A twice"),
    ],
)
def test_a_list_with_a_mistake_says_which_and_what_to_do(text, message, tmp_path):
    (tmp_path / "osv-scanner.toml").write_text(text)
    with pytest.raises(BadList) as refused:
        read_accepted(tmp_path / "osv-scanner.toml", TODAY)
    assert message in str(refused.value)
    assert str(refused.value).startswith("osv-scanner.toml")


def test_a_vulnerability_is_accepted_by_any_of_its_names_until_the_day_before(tmp_path):
    (accepted,) = read_accepted(accept(tmp_path, "CVE-2026-1", until=TODAY + timedelta(days=1)), TODAY)
    assert accepted == Acceptance("CVE-2026-1", date(2026, 11, 30), "Nothing calls it.")
    known = Vulnerability("torch 2.9.0", ("GHSA-torch", "CVE-2026-1"), ())
    other = Vulnerability("rich 15.0.0", ("PYSEC-rich",), ())
    assert (acceptance_of(known, [accepted]), acceptance_of(other, [accepted])) == (accepted, None)
    assert (unneeded([known], [accepted]), unneeded([other], [accepted])) == ([], [accepted])


def test_the_example_in_the_list_is_an_entry_that_would_be_read(tmp_path):
    comments = [line.removeprefix("#").strip() for line in LIST.read_text().splitlines()]
    example = comments[comments.index("[[IgnoredVulns]]") :][:4]
    (tmp_path / "osv-scanner.toml").write_text("\n".join(example))
    assert read_accepted(tmp_path / "osv-scanner.toml", TODAY)[0].id == "GHSA-xxxx-xxxx-xxxx"


def test_nothing_accepted_has_expired():
    assert all(acceptance.reason for acceptance in read_accepted())  # it raises where one has
