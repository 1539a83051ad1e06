"""Asking again: when, how often, how long, and what is said of it. The Hub is a server that answers as it is told."""

import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from shared.errors import BadInput, PipelineError
from shared.hub import Hub
from shared.retry import Patience

WELL = (200, {"name": "ann"}, {})
QUICK = {"first_pause": 0.01}


class ScriptedServer(ThreadingHTTPServer):
    """Gives its answers in turn, the last one for ever; None closes the connection without one."""

    def __init__(self, *answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.times = list(answers), []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.times.append(time.monotonic())
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer is None:
            self.close_connection = True
            return
        status, body, headers = answer
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def serve():
    running = []

    def serve(*answers):
        server = ScriptedServer(*answers)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        running.append(server)
        return server

    yield serve
    for server in running:
        server.shutdown()
        server.server_close()


def ask(server, **patience):
    return Hub(server.url, "token", Patience(**(QUICK | patience))).whoami()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_asked_again_and_told_in_one_line(serve, status, capsys):
    server = serve((status, b"<html>", {}), WELL)
    assert ask(server) == "ann"
    said = capsys.readouterr().err
    expected = (
        f"The Hub answered {status} while asking {server.url} who you are; trying again in 0.0 s (2 of 8).\n"
    )
    assert said == expected


def test_a_connection_that_breaks_is_asked_again(serve, capsys):
    assert ask(serve(None, None, WELL)) == "ann"
    assert capsys.readouterr().err.count("The Hub did not answer (") == 2


def test_an_answer_that_is_not_json_is_asked_again(serve, capsys):
    assert ask(serve((200, b"<html>", {}), WELL)) == "ann"
    assert "The Hub answered something that is not JSON while" in capsys.readouterr().err


def test_a_connection_that_the_clients_xet_part_lost_is_asked_again(capsys):
    outcomes = iter([ConnectionError("timed out"), "uploaded"])

    def upload():
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert Patience(**QUICK).call("pushing to a/b", upload) == "uploaded"
    assert "The Hub did not answer (timed out) while pushing to a/b;" in capsys.readouterr().err


def test_a_defect_is_not_taken_for_the_hubs_failure(capsys):
    def defect():
        raise RuntimeError("a tensor has the wrong shape")

    with pytest.raises(RuntimeError, match="wrong shape"):
        Hub("http://127.0.0.1:9", "token", Patience(**QUICK)).call("pushing to a/b", defect)
    assert capsys.readouterr().err == ""


def test_a_name_that_no_repo_can_have_is_the_users_mistake():
    with pytest.raises(BadInput, match=r"^No repo can be named so, while looking up the model repo a--b/c: "):
        Hub("http://127.0.0.1:9").resolve("a--b/c", "model")


def test_a_file_that_could_not_be_asked_for_is_not_said_to_be_missing():
    def download():
        raise LocalEntryNotFoundError("Not in the cache.") from httpx2.ReadTimeout("timed out")

    hub = Hub("http://127.0.0.1:9", "token", Patience(tries=2, **QUICK))
    with pytest.raises(PipelineError, match=r"did not answer \(timed out\) while reading a of b") as failed:
        hub.call("reading a of b", download)
    assert failed.type is PipelineError


@pytest.mark.parametrize(("status", "error"), [(400, PipelineError), (401, BadInput), (403, BadInput)])
def test_a_refusal_is_final(serve, status, error):
    server = serve((status, {"error": "no"}, {}), WELL)
    with pytest.raises(error):
        ask(server)
    assert len(server.times) == 1


def test_it_is_asked_so_often_and_no_more_with_pauses_that_grow(serve):
    server = serve((503, b"", {}))
    with pytest.raises(PipelineError, match=r"^The Hub refused while asking http.* who you are: .*503.*\.$"):
        ask(server, tries=5, first_pause=0.1)
    pauses = [later - earlier for earlier, later in zip(server.times, server.times[1:], strict=False)]
    for number, pause in enumerate(pauses):
        assert 0.05 * 2**number <= pause < 0.1 * 2**number + 0.1
    assert len(pauses) == 4


def test_an_address_that_never_answered_is_given_up_sooner(serve):
    mute, mixed = serve(None), serve((503, b"", {}), None)
    for server in (mute, mixed):
        with pytest.raises(PipelineError, match=r"The Hub did not answer \(.*\) while asking .* HF_ENDPOINT"):
            ask(server, tries=6, first_tries=3)
    assert (len(mute.times), len(mixed.times)) == (3, 6)


@pytest.mark.parametrize(
    ("status", "headers"),
    [(503, {"Retry-After": "1"}), (429, {"Retry-After": "1"}), (429, {"RateLimit": '"api";r=0;t=0'})],
)
def test_a_pause_that_the_hub_asks_for_is_kept(serve, status, headers):
    server = serve((status, b"", headers), WELL)
    assert ask(server) == "ann"
    assert 1.0 <= server.times[1] - server.times[0] < 10


def test_a_longer_pause_than_there_is_patience_for_is_not_begun(serve):
    server = serve((429, b"", {"Retry-After": "3600"}))
    began = time.monotonic()
    with pytest.raises(PipelineError, match="429"):
        ask(server)
    assert time.monotonic() - began < 60
    assert len(server.times) == 1


def test_a_hub_that_falls_silent_is_not_waited_for_for_ever(tmp_path):
    script = (
        "import socket, sys, shared.hub\n"
        "from shared.retry import Patience\n"
        "shared.hub.SILENCE_SECONDS = 0.3\n"
        "listener = socket.create_server(('127.0.0.1', 0))\n"
        "hub = shared.hub.Hub(f'http://127.0.0.1:{listener.getsockname()[1]}', 'token', Patience(first_pause=0.01))\n"
        "for ask in (hub.whoami, lambda: hub.resolve('a/b', 'model')):\n"
        "    try: ask()\n"
        "    except shared.hub.PipelineError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.count("The Hub did not answer (timed out) while") == 2
    assert done.stderr.count("trying again") == 6
