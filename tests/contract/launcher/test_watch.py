"""Ctrl-C at the worst moment: the job is launched, and the launcher does not know its id yet."""

import os
import signal

from launcher.watch import watch


def test_ctrl_c_while_a_job_is_being_launched_reaches_the_job(hub, launch):
    def start() -> str:
        command = ["python", "-c", "import time; time.sleep(60)"]
        job = hub.api.run_job(image="i", command=command, namespace=launch.namespace)
        os.kill(os.getpid(), signal.SIGINT)
        return job.id

    assert watch(hub, launch.namespace, start).status.stage == "CANCELED"
