"""What the local hub bears: large files, many files, many clients at once, and how much memory it takes for them.

    .venv/bin/python benchmarks/hub.py [--dir FOLDER] [--parts lfs xet] [--gigabytes 1] [--files 10000]
        [--listed 100000] [--clients 32] [--lines 20000] [--readers 20]

Real clients (`huggingface_hub`) against a hub of the benchmark's own, on the disk of `--dir`. Each part does the same
in a plain way beside it, taking turns, and prints seconds and the ratio: a large file against copying and hashing it, a
commit of many files against git, many clients and readers against one. After each part comes the most memory that the
hub's process held during it (resident, so files that it has mapped count).
"""

import argparse
import asyncio
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psutil

from local_hub import LocalHub
from local_hub.state import find_running

BLOCK_BYTES = 2**20
SAMPLE_SECONDS = 0.02
MEMORY_LIMIT_MB = 200
COMMITS_EACH = 4
FILES_A_FOLDER = 1000
Times = dict[str, list[float]]


def main() -> None:
    """Runs the parts one after the other, each on a fresh hub, so that none lives on the memory of another."""
    options = parse_options()
    if options.large_file:
        move_large_file(options.large_file)
        return
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}", flush=True)
    for name in options.parts:
        with tempfile.TemporaryDirectory(dir=options.dir) as folder, serve_hub(Path(folder)) as process:
            with sample_memory(process) as peak:
                PARTS[name](Path(folder), options)
            before, most = peak
            print(
                f"  {'hub, memory':34} {most:8.0f} MB {most / MEMORY_LIMIT_MB:6.2f} x {MEMORY_LIMIT_MB} MB"
                f"  ({before:.0f} MB before)",
                flush=True,
            )


def parse_options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure (default: all)")
    add("--dir", type=Path, help="folder on the disk to measure (default: a temporary one)")
    add("--gigabytes", type=float, default=1.0, help="size of the large file (default: %(default)s)")
    add("--files", type=int, default=10_000, help="files in one commit (default: %(default)s)")
    add("--listed", type=int, default=100_000, help="files in the repo that is listed (default: %(default)s)")
    add("--flat", action="store_true", help="all of those in one folder, not a thousand in each")
    add("--clients", type=int, default=32, help="clients that commit at once (default: %(default)s)")
    add("--lines", type=int, default=20_000, help="lines of the job's log (default: %(default)s)")
    add("--readers", type=int, default=20, help="readers of the log at once (default: %(default)s)")
    add(
        "--repeat",
        type=int,
        default=2,
        help="turns of a large file, the fastest counts (default: %(default)s)",
    )
    add("--large-file", nargs=3, metavar=("WHAT", "FILE", "CACHE"), help=argparse.SUPPRESS)
    return parser.parse_args()


@contextmanager
def serve_hub(folder: Path) -> Iterator[psutil.Process]:
    """A hub of the benchmark's own, to which this process becomes a client."""
    with LocalHub(folder / "hub") as hub:
        os.environ |= hub.environment() | {
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_VERBOSITY": "error",
        }
        yield process_of(folder)


def process_of(folder: Path) -> psutil.Process:
    """The hub that serves below a folder."""
    running = find_running(folder / "hub")
    assert running is not None
    return psutil.Process(running.pid)


def cpu_seconds(process: psutil.Process) -> float:
    """What a process has used so far of all cores together."""
    used = process.cpu_times()
    return float(used.user + used.system)


@contextmanager
def sample_memory(process: psutil.Process) -> Iterator[list[float]]:
    """Gives the resident memory of a process in MB at the beginning and, once the block has ended, at its most."""
    found = [resident_megabytes(process)] * 2
    done = threading.Event()

    def sample() -> None:
        while not done.wait(SAMPLE_SECONDS):
            found[1] = max(found[1], resident_megabytes(process))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield found
    finally:
        done.set()
        sampler.join()


def resident_megabytes(process: psutil.Process) -> float:
    """The memory of a process that is in RAM now."""
    return float(process.memory_info().rss) / 2**20


def client():
    """The official client of this part's hub; imported late, because it reads the environment then."""
    from huggingface_hub import HfApi

    return HfApi(os.environ["HF_ENDPOINT"], os.environ["HF_TOKEN"])


def measure_lfs(folder: Path, options: argparse.Namespace) -> None:
    """One large file up and down by LFS, against a plain copy."""
    measure_large_file(folder, options, "LFS", {"HF_HUB_DISABLE_XET": "1"})


def measure_xet(folder: Path, options: argparse.Namespace) -> None:
    """The same by Xet, the client's default."""
    measure_large_file(folder, options, "Xet", {"HF_HUB_DISABLE_XET": "0"})


def measure_large_file(folder: Path, options: argparse.Namespace, way: str, settings: dict[str, str]) -> None:
    """Copies, uploads and downloads new random bytes in each turn; the client also from a server that only sends."""
    client().create_repo("large")
    hub = process_of(folder)
    names = {what: (f"{what}, {way}", f"{what}, {way}: CPU of the hub") for what in ("upload", "download")}
    plain = "the client from http.server"
    times: Times = {name: [] for name in ("copy + sha256", *names["upload"], *names["download"], plain)}
    with serve_files(folder) as url:
        for turn in range(options.repeat):
            source = write_file(folder / f"source-{turn}.bin", round(options.gigabytes * 2**30))
            cache = folder / f"cache-{turn}"
            times["copy + sha256"].append(
                seconds(lambda path=source: copy_and_hash(path, folder / "copy.bin"))
            )
            for what, (whole, of_hub) in names.items():
                before = cpu_seconds(hub)
                times[whole].append(run_large_file(what, source, cache, settings))
                times[of_hub].append(cpu_seconds(hub) - before)
            times[plain].append(run_large_file("fetch", f"{url}/{source.name}", cache / "plain", settings))
            shutil.rmtree(cache)
            source.unlink()
    print_times(f"{options.gigabytes:g} GB by {way}", times)


@contextmanager
def serve_files(folder: Path) -> Iterator[str]:
    """Python's own file server, in a process of its own."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().split()[5]
        yield f"http://127.0.0.1:{port}"
        server.terminate()


def run_large_file(what: str, source: Path | str, cache: Path, settings: dict[str, str]) -> float:
    """Seconds of a transfer by a client in a process of its own, without what starting it takes."""
    command = [sys.executable, __file__, "--large-file", what, str(source), str(cache)]
    done = subprocess.run(command, env=os.environ | settings, stdout=subprocess.PIPE, check=True, text=True)
    return float(done.stdout)


def move_large_file(arguments: list[str]) -> None:
    """The client's process: sends a file or fetches it, and prints the seconds."""
    what, source, cache = arguments[0], Path(arguments[1]), arguments[2]
    api = client()
    if what == "upload":
        taken = seconds(
            lambda: api.upload_file(repo_id="local/large", path_or_fileobj=source, path_in_repo=source.name)
        )
    elif what == "download":
        taken = seconds(lambda: api.hf_hub_download("local/large", source.name, cache_dir=cache))
    else:
        taken = seconds(lambda: fetch(arguments[1], Path(cache)))
    print(taken)


def fetch(url: str, path: Path) -> None:
    """A file by the function that the client itself downloads with."""
    from huggingface_hub.file_download import http_get

    with path.open("wb") as file:
        http_get(url, file)


def write_file(path: Path, size: int) -> Path:
    """Writes random bytes, so that nothing on the way can compress or share them."""
    with path.open("wb") as file:
        for _ in range(size // BLOCK_BYTES):
            file.write(secrets.token_bytes(BLOCK_BYTES))
    return path


def copy_and_hash(source: Path, target: Path) -> None:
    """What the disk and the processor need at least: read, hash, write, flush."""
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("wb") as writer:
        while block := reader.read(BLOCK_BYTES):
            digest.update(block)
            writer.write(block)
        writer.flush()
        os.fsync(writer.fileno())


def measure_small_files(folder: Path, options: argparse.Namespace) -> None:
    """Many small files in one commit, and all of them down again, against git on the same disk."""
    source = folder / "small"
    for number in range(options.files):
        path = source / f"{number // FILES_A_FOLDER:03}" / f"{number:06}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{number}\n" * 50)
    api = client()
    api.create_repo("small")
    times = {
        "git add + commit": [seconds(lambda: commit_by_git(source))],
        "one commit": [
            seconds(
                lambda: api.upload_folder(repo_id="local/small", folder_path=source, ignore_patterns=".git/*")
            )
        ],
    }
    print_times(f"{options.files} small files", times)


def commit_by_git(folder: Path) -> None:
    """Adds a folder to a new git repo."""
    identity = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost", "-c", "gc.auto=0")
    for arguments in (("init", "--quiet"), ("add", "."), (*identity, "commit", "--quiet", "--message=x")):
        subprocess.run(["git", "-C", folder, *arguments], check=True)


def measure_listing(folder: Path, options: argparse.Namespace) -> None:
    """A repo of many files, committed in several steps and listed by the client, page by page."""
    from huggingface_hub import CommitOperationAdd

    api = client()
    api.create_repo("listed")
    names = [
        f"{number:06}.txt" if options.flat else f"{number // FILES_A_FOLDER:03}/{number:06}.txt"
        for number in range(options.listed)
    ]
    commits = []
    for start in range(0, len(names), 10_000):
        added = [CommitOperationAdd(name, name.encode()) for name in names[start : start + 10_000]]
        commits.append(
            seconds(lambda added=added: api.create_commit("local/listed", added, commit_message="x"))
        )
    listing = iter(api.list_repo_tree("local/listed", recursive=True))
    times = {
        "first commit of 10000": commits[:1],
        "last commit of 10000": commits[-1:],
        "first page of 1000": [seconds(lambda: next(listing))],
        "all pages": [seconds(lambda: check_count(api, "listed", len(names) + 1))],
        "repo_info": [seconds(lambda: api.model_info("local/listed"))],
    }
    print_times(f"{options.listed} files{', one folder' if options.flat else ''}", times)


def check_count(api, repo: str, expected: int) -> None:
    """Lists a repo and counts its files."""
    found = len(api.list_repo_files(f"local/{repo}"))
    assert found == expected, f"{found} files were listed, not {expected}"


def measure_committers(folder: Path, options: argparse.Namespace) -> None:
    """As many commits by one client, by many to a repo each, and by many to one repo."""
    api, count = client(), options.clients
    for name in ("alone", "shared", *(f"own-{number}" for number in range(count))):
        api.create_repo(name)
    times = {
        f"one client, {count * COMMITS_EACH} commits": [
            seconds(lambda: commit_often("alone", count * COMMITS_EACH))
        ],
        f"{count} clients, own repos": [seconds(lambda: commit_at_once([f"own-{n}" for n in range(count)]))],
        f"{count} clients, one repo": [seconds(lambda: commit_at_once(["shared"] * count))],
    }
    found = len(api.list_repo_commits("local/shared"))
    assert found == count * COMMITS_EACH + 1, f"{found - 1} commits are there of {count * COMMITS_EACH}"
    print_times(f"{count} clients, {COMMITS_EACH} commits each", times)


def commit_at_once(repos: list[str]) -> None:
    """Lets a client for each of the repos commit, all at once."""
    with ThreadPoolExecutor(len(repos)) as pool:
        list(pool.map(lambda repo: commit_often(repo, COMMITS_EACH), repos))


def commit_often(repo: str, times: int) -> None:
    """Commits a small file so often."""
    api = client()
    for _ in range(times):
        name = secrets.token_hex(4)
        api.upload_file(repo_id=f"local/{repo}", path_or_fileobj=name.encode(), path_in_repo=f"{name}.txt")


def measure_log(folder: Path, options: argparse.Namespace) -> None:
    """The log of a job that has ended, replayed to one reader and to many."""
    api = client()
    script = f"for n in range({options.lines}): print(f'line {{n}} ' + 'x' * 80)"
    job = api.run_job(image="python:3.12", command=["python", "-c", script], namespace="local")
    lines = sum(1 for _ in api.fetch_job_logs(job_id=job.id, namespace="local", follow=True))
    assert lines == options.lines, f"{lines} lines came of {options.lines}"
    url = f"{os.environ['HF_ENDPOINT']}/api/jobs/local/{job.id}/logs"
    times = {
        "one reader": [seconds(lambda: asyncio.run(read_log(url, 1, options.lines)))],
        f"{options.readers} readers": [
            seconds(lambda: asyncio.run(read_log(url, options.readers, options.lines)))
        ],
    }
    print_times(f"log of {options.lines} lines", times)


async def read_log(url: str, readers: int, lines: int) -> None:
    """Reads a log so many times at once; by bare HTTP, because the client's parsing would be what is measured."""
    import httpx2

    async def read(http: httpx2.AsyncClient) -> int:
        async with http.stream("GET", url) as answer:
            return sum([part.count(b"data: {") async for part in answer.aiter_raw()])

    headers = {"Authorization": f"Bearer {os.environ['HF_TOKEN']}"}
    async with httpx2.AsyncClient(headers=headers, timeout=120) as http:
        found = await asyncio.gather(*(read(http) for _ in range(readers)))
    assert min(found) >= lines - readers, f"{min(found)} lines came of {lines}"


def seconds(step: Callable[[], object]) -> float:
    """How long a step takes."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def print_times(title: str, times: Times) -> None:
    """Prints a line for each step, with its ratio to the first."""
    print(title)
    fastest = {name: min(found) for name, found in times.items()}
    base = next(iter(fastest))
    for name, taken in fastest.items():
        print(f"  {name:34} {taken:8.2f} s  {taken / fastest[base]:6.2f} x {base}", flush=True)


PARTS: dict[str, Callable[[Path, argparse.Namespace], None]] = {
    "lfs": measure_lfs,
    "xet": measure_xet,
    "small": measure_small_files,
    "listing": measure_listing,
    "committers": measure_committers,
    "log": measure_log,
}

if __name__ == "__main__":
    main()
