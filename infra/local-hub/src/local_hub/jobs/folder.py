"""Where a job's files lie."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

JOBS_FOLDER = "jobs"


@dataclass(frozen=True)
class JobFolder:
    """The folders and files of one job of the hub in `directory`."""

    directory: Path
    job_id: str

    @property
    def root(self) -> Path:
        """What holds the rest."""
        return self.directory / JOBS_FOLDER / self.job_id

    @property
    def work(self) -> Path:
        """Where the job runs; its home too."""
        return self.root / "work"

    @property
    def temporary(self) -> Path:
        """Its TMPDIR."""
        return self.root / "tmp"

    @property
    def volumes(self) -> Path:
        """Its volumes, each in a folder of its number."""
        return self.root / "volumes"

    @property
    def log(self) -> Path:
        """Its output; all that stays when it has ended."""
        return self.root / "log.jsonl"

    @property
    def executor(self) -> Path:
        """Names the executor that has the job, for the hub that starts after a crash."""
        return self.root / "executor"

    def create(self, executor: str) -> None:
        """Makes the folders, which only the owner may enter."""
        for folder in (self.root, self.work, self.temporary):
            folder.mkdir(mode=0o700, parents=True)
        self.executor.write_text(executor, "ascii")

    def clear(self) -> None:
        """Removes what the job left on its disk, as a container's disk goes with it, as far as that can be done."""
        for folder in (self.work, self.temporary, self.volumes):
            shutil.rmtree(folder, ignore_errors=True)
            if folder.exists():
                _allow_removal(folder)
                shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):
            self.executor.unlink()


def _allow_removal(folder: Path) -> None:
    """Makes read-only folders, of volumes and of what some tools download, such as can be emptied."""
    for parent, names, _ in os.walk(folder):
        for path in (os.path.join(parent, name) for name in names):
            if not os.path.islink(path):
                with suppress(OSError):
                    os.chmod(path, 0o700)
