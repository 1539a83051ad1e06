"""How long a large file takes to and from the local hub, against copying and hashing it on the same disk.

    .venv/bin/python benchmarks/hub.py [--gigabytes 1] [--dir FOLDER]

Prints seconds, the ratio to the plain copy, and the most memory the hub has used.
"""

import argparse
import hashlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

BLOCK_BYTES = 2**20


def main() -> None:
    """Measures the copy, the upload and the download, and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--gigabytes", type=float, default=1.0, help="size of the file (default: %(default)s)"
    )
    parser.add_argument("--dir", type=Path, help="folder on the disk to measure (default: a temporary one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as folder:
        measure(Path(folder), round(options.gigabytes * 2**30))


def measure(folder: Path, size: int) -> None:
    """Runs each step twice, alternating, and reports the faster of both."""
    process, url = start_hub(folder / "hub")
    try:
        use_hub(url, folder)
        steps = {"copy + sha256": [], "upload": [], "download": []}
        for turn in range(2):
            source = write_file(folder / f"source-{turn}.bin", size)
            steps["copy + sha256"].append(
                seconds(lambda path=source: copy_and_hash(path, folder / "copy.bin"))
            )
            steps["upload"].append(seconds(lambda path=source: upload(path)))
            steps["download"].append(seconds(lambda path=source: download(path, folder)))
        report({step: min(times) for step, times in steps.items()}, size)
        print(f"hub's peak memory  {peak_megabytes(process.pid):6.0f} MB")
    finally:
        process.terminate()
        process.wait()


def start_hub(directory: Path) -> tuple[subprocess.Popen[str], str]:
    """Starts a hub of the benchmark's own and returns it with its address."""
    command = [sys.executable, "-m", "local_hub", "serve", "--dir", str(directory)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return process, process.stdout.readline().strip()


def use_hub(url: str, folder: Path) -> None:
    """Points the client at the hub; it reads the environment when it is first imported."""
    os.environ |= {
        "HF_ENDPOINT": url,
        "HF_TOKEN": (folder / "hub" / "token").read_text().strip(),
        "HF_HOME": str(folder / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1",
    }
    from huggingface_hub import create_repo

    create_repo("benchmark")


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


def upload(source: Path) -> None:
    """Sends the file as the client does: it hashes, uploads, commits."""
    from huggingface_hub import upload_file

    upload_file(repo_id="local/benchmark", path_or_fileobj=source, path_in_repo=source.name)


def download(source: Path, folder: Path) -> None:
    """Fetches the file into an empty cache."""
    from huggingface_hub import hf_hub_download

    hf_hub_download("local/benchmark", source.name, cache_dir=folder / f"cache-{source.stem}")


def seconds(step: Callable[[], None]) -> float:
    """How long a step takes."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def report(steps: dict[str, float], size: int) -> None:
    """Prints a line for each step."""
    plain = steps["copy + sha256"]
    for step, taken in steps.items():
        print(f"{step:15} {taken:7.2f} s  {size / taken / 2**20:6.0f} MB/s  {taken / plain:5.2f} x")


def peak_megabytes(pid: int) -> float:
    """The largest resident size a process has had."""
    status = Path(f"/proc/{pid}/status").read_text()
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return int(kilobytes) / 1024


if __name__ == "__main__":
    main()
