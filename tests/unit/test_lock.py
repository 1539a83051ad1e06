"""constraints.txt locks what the projects say they need, and what that needs in turn, with hashes."""

import importlib.metadata
import re
import subprocess
import sys
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import lock
import pytest
import requirements
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"([\w.-]+)==([^\s;]+)(?: ; (.*?))? \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+")


def pins():
    """The lock's versions by package; where there are several, their markers say which is meant where."""
    found: dict[str, list[Requirement]] = {}
    for name, version, marker in PIN.findall((ROOT / "constraints.txt").read_text()):
        pin = Requirement(f"{name}=={version}" + (f" ; {marker}" if marker else ""))
        found.setdefault(canonicalize_name(name), []).append(pin)
    return found


def declared():
    lines = (line.split("#")[0].strip() for line in lock.wanted().splitlines())
    return [Requirement(line) for line in lines if line]


def needs_of(requirement):
    """What an installed package needs here, by its own metadata; nothing where it is not installed."""
    try:
        needs = importlib.metadata.requires(requirement.name) or []
    except importlib.metadata.PackageNotFoundError:
        return []
    extras = {"", *requirement.extras}
    return [need for need in map(Requirement, needs) if _holds(need, extras)]


def _holds(requirement, extras=frozenset({""})):
    return requirement.marker is None or any(
        requirement.marker.evaluate({"extra": extra}) for extra in extras
    )


def not_locked(wanted, locked):
    """Requirements that no version of the lock meets, with those of what they bring along."""
    missing, waiting, seen = set(), list(wanted), set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, str(requirement)) in seen:
            continue
        seen.add((name, str(requirement)))
        versions = [next(iter(pin.specifier)).version for pin in locked.get(name, []) if _holds(pin)]
        if not any(requirement.specifier.contains(version, prereleases=True) for version in versions):
            missing.add(str(requirement))
        waiting += needs_of(requirement)
    return missing


def test_every_entry_of_the_lock_has_a_version_and_hashes():
    entries = [
        line
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if not line.startswith((" ", "#"))
    ]
    assert len(entries) == sum(map(len, pins().values()))


def test_the_lock_has_all_that_the_projects_and_developers_need_and_what_that_needs():
    assert not_locked(declared(), pins()) == set(), "constraints.txt lags behind: make lock"


def test_a_lock_that_lags_behind_is_noticed():
    lagging = {"numpy>=99", "unheard-of>=1"}
    assert not_locked(map(Requirement, [*lagging, "torch>=2"]), pins()) == lagging


def test_what_is_installed_here_is_what_the_lock_says():
    here = {
        name: [next(iter(pin.specifier)).version for pin in found if _holds(pin)]
        for name, found in pins().items()
    }
    other = {}
    for requirement in declared():
        try:
            installed = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if installed.partition("+")[0] not in here[canonicalize_name(requirement.name)]:
            other[requirement.name] = installed
    assert other == {}, "this environment is not the lock's: make setup"


def test_our_own_packages_lead_to_what_they_need_of_others():
    known = requirements.projects()
    needed = requirements.third_party(["services/evaluator", "shared[tensorboard]"], known)
    assert {Requirement(line).name for line in needed} >= {
        "torch",
        "scikit-learn",
        "llguidance",
        "tensorboard",
        "pydantic",
    }
    assert not any(line.startswith("medmcqa") for line in needed)
    assert not any("torch" in line for line in requirements.third_party(["services/data-splitter"], known))


@pytest.mark.parametrize(
    ("reference", "complaint"), [("services/none", "services/data-splitter"), ("shared[gpu]", "grammar")]
)
def test_a_project_that_does_not_exist_is_refused_with_those_that_do(reference, complaint):
    command = [sys.executable, ROOT / "infra/lock/requirements.py", reference]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 1
    assert reference.partition("[")[0] in answer.stderr
    assert complaint in answer.stderr


@pytest.fixture
def torch_index(tmp_path):
    """An index with a toy torch without CUDA."""
    page = tmp_path / "cpu" / "torch"
    page.mkdir(parents=True)
    wheel = page / "torch-2.0+cpu-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(
            "torch-2.0+cpu.dist-info/METADATA", "Metadata-Version: 2.1\nName: torch\nVersion: 2.0+cpu\n"
        )
        archive.writestr(
            "torch-2.0+cpu.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("torch-2.0+cpu.dist-info/RECORD", "")
    (page / "index.html").write_text(
        f'<a href="torch-2.0%2Bcpu-py3-none-any.whl#sha256={"c" * 64}">{wheel.name}</a>'
    )
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=tmp_path)
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/cpu"
        server.shutdown()


def entry(*hashes):
    return "torch==2.0 \\\n" + " \\\n".join(f"    --hash=sha256:{letter * 64}" for letter in hashes) + "\n"


def test_a_new_version_of_torch_is_locked_with_the_hashes_of_both_its_builds(torch_index):
    after = "other==1 \\\n    --hash=sha256:" + "e" * 64 + "\n" + entry("a", "d")
    assert lock.with_cpu_torch(after, "", torch_index) == after.replace(entry("a", "d"), entry("a", "c", "d"))


def test_the_hashes_of_a_version_of_torch_that_stays_are_kept_without_asking_anybody():
    assert lock.with_cpu_torch(entry("a", "c"), entry("a", "c"), "http://127.0.0.1:9/cpu") == entry("a", "c")


def test_a_lock_that_cannot_be_made_leaves_the_old_one_and_says_so(capfd):
    with pytest.raises(SystemExit, match=r"constraints.txt stays as it was"):
        lock.compiled("torch==0.0.0.1", "", ["--offline", "--no-cache"])
