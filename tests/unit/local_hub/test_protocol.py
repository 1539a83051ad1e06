"""Connections on which no request comes are not kept for ever, where the contract tests would have to wait for it."""

import socket
import threading
import time

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from local_hub import protocol

HEAD_LIKE = b"HTTP/1.1 400 Bad Request\r\nx-error-message: no\r\n\r\n"
# More than the sockets between the two hold.
LARGE_MEGABYTES = 32
HEAD = b"GET / HTTP/1.1\r\nHost: hub\r\n"


async def refuse(request):
    await request.body()  # whoever expects it is told to go on
    body = iter([b"HTTP/1.1 100 ", HEAD_LIKE])
    return StreamingResponse(body, 413, {"X-Error-Message": "5 GB needed, 1 free"})


@pytest.fixture
def listener(monkeypatch):
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(protocol, "UNREAD_SECONDS", 0.5)
    routes = [
        Route("/", lambda request: PlainTextResponse("whole")),
        Route("/-/upload", refuse, methods=["POST"]),
        Route("/large", lambda request: StreamingResponse(iter([bytes(2**20)] * LARGE_MEGABYTES))),
    ]
    app = Starlette(routes=routes)
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http=protocol.SentenceProtocol, ws="none", log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield listener
    server.should_exit = True
    thread.join()


def test_a_head_that_does_not_come_is_given_up_and_an_idle_client_is_not(listener):
    begun = (b"", b"G", HEAD, b"\r\n", HEAD)
    *clients, idle = (socket.create_connection(listener.getsockname(), timeout=10) for _ in range(6))
    for client in (clients[-1], idle):
        client.sendall(HEAD + b"\r\n")
        assert client.recv(65536).endswith(b"whole")
    for client, start in zip(clients, begun, strict=True):
        client.sendall(start)
    time.sleep(0.3)
    clients[2].sendall(b"X: slow\r\n")
    answers = [read_all(client) for client in clients]
    assert [answer.split()[1] for answer in answers] == [b"408"] * 5
    assert b"No whole head of a request came within 0.5 seconds" in answers[0]
    idle.sendall(HEAD + b"Connection: close\r\n\r\n")
    assert read_all(idle).endswith(b"whole")
    for client in (*clients, idle):
        client.close()


def test_a_client_that_does_not_read_is_cut_off_and_one_that_reads_slowly_is_not(listener):
    stuck, slow = (socket.create_connection(listener.getsockname(), timeout=10) for _ in range(2))
    for client in (stuck, slow):
        client.sendall(HEAD.replace(b"/", b"/large", 1) + b"Connection: close\r\n\r\n")
    came = 0
    while part := slow.recv(6 * 2**20, socket.MSG_WAITALL):
        came += len(part)
        time.sleep(0.2)
    assert came > LARGE_MEGABYTES * 2**20
    assert len(read_all(stuck)) < LARGE_MEGABYTES * 2**20
    for client in (stuck, slow):
        client.close()


def test_to_an_upload_by_xet_the_status_line_says_why_it_is_refused(listener):
    with socket.create_connection(listener.getsockname(), timeout=10) as client:
        client.sendall(
            HEAD.replace(b"GET /", b"POST /-/upload") + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n"
        )
        assert client.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"x" + HEAD + b"Connection: close\r\n\r\n")
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 413 5 GB needed, 1 free\r\n")
    assert HEAD_LIKE in answer
    assert b"HTTP/1.1 200 OK\r\n" in answer


def read_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))
