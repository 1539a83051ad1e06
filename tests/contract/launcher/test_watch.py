"""Ctrl-C at the worst moments: between the launch of a job and the end of its log."""

import os
import signal
import threading
import time

from launcher.watch import watch

SILENT_AFTER_SECONDS, NOTICED_SECONDS = 3, 8
SLEEP = ["python", "-c", "import time; time.sleep(60)"]


def test_ctrl_c_while_a_job_is_being_launched_reaches_the_job(hub, launch):
    def start() -> str:
        job = hub.api.run_job(image="i", command=SLEEP, namespace=launch.namespace)
        os.kill(os.getpid(), signal.SIGINT)
        return job.id

    assert watch(hub, launch.namespace, start).status.stage == "CANCELED"


def test_ctrl_c_that_wakes_nobody_up_is_noticed_while_the_job_is_silent(hub, launch):
    """As one does that comes just before the main thread begins to read: the kernel interrupts no call of it."""
    sent = []

    def interrupt_another_thread():
        time.sleep(SILENT_AFTER_SECONDS)
        sent.append(time.monotonic())
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)

    thread = threading.Thread(target=interrupt_another_thread)
    job = hub.api.run_job(image="i", command=SLEEP, namespace=launch.namespace)
    ended = watch(hub, launch.namespace, lambda: job.id, lambda _: None if thread.ident else thread.start())
    thread.join()
    assert ended.status.stage == "CANCELED"
    assert time.monotonic() - sent[0] < NOTICED_SECONDS
