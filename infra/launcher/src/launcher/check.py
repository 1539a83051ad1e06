"""Lets services check their settings in one process: to start Python and import the libraries is most of what it costs.

A service reads the process's environment and command line, so it needs both for itself.
"""

import io
import multiprocessing
import os
import runpy
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing.context import BaseContext


@dataclass(frozen=True)
class Question:
    """The arguments after `python -m` and the environment that a service would be started with."""

    arguments: list[str]
    environment: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """A service's exit code, standard output and standard error."""

    code: int
    output: str
    errors: str


def ask_services(questions: Sequence[Question]) -> list[Answer]:
    """Let each service check the settings that it would get; the first that refuses is the last that is asked."""
    with ProcessPoolExecutor(max_workers=1, mp_context=_context()) as process:
        return process.submit(_ask_until_refused, questions).result()


def _context() -> BaseContext:
    # A fork has the libraries already. But a lock that another thread holds stays locked in it, and macOS bears none.
    alone = sys.platform == "linux" and threading.active_count() == 1
    return multiprocessing.get_context("fork" if alone else "spawn")


def _ask_until_refused(questions: Sequence[Question]) -> list[Answer]:
    answers = []
    for question in questions:
        answers.append(_ask(question.arguments, question.environment))
        if answers[-1].code:
            break
    return answers


def _ask(arguments: Sequence[str], environment: Mapping[str, str]) -> Answer:
    """Run `python -m package … --check` as its own process would."""
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [*arguments, "--check"]
    code, output, errors = 0, io.StringIO(), io.StringIO()
    try:
        with redirect_stdout(output), redirect_stderr(errors):
            runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return Answer(code, output.getvalue(), errors.getvalue())
