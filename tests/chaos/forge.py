"""A process that has imported the trainers once and forks a job for every order that it reads.

So a training begins at once, and can be killed hundreds of times in minutes. Apart from that the fork is the job: it
runs the service's own `__main__` under its own environment, and SIGKILL ends it as it ends any process.

An order is a JSON line with `package`, `arguments`, `environment` and the paths `log` and `temporary`. The answer is
two lines: the fork's process id, and, when that has ended, its wait status.
"""

import json
import os
import runpy
import sys
import tempfile
from typing import Any

import torch

from grpo_trainer import train as grpo_training
from sft_trainer import train as sft_training

IMPORTED = (grpo_training, sft_training)


def main() -> None:
    """Serve orders until there are no more."""
    torch.set_num_threads(1)
    for line in sys.stdin:
        order = json.loads(line)
        if not (pid := os.fork()):
            become_job(order)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


def become_job(order: dict[str, Any]) -> None:
    """Run the service as `python -m` would, and exit."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ |= order["environment"]
    tempfile.tempdir = order["temporary"]
    sys.argv = [order["package"], *order["arguments"]]
    runpy.run_module(order["package"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
