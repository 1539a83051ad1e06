"""What every request goes through, where the contract tests would have to wait for it."""

import asyncio
import socket
import sqlite3
import threading

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from local_hub.middleware import ErrorMiddleware

PATIENCE = 1.0


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


def test_a_body_that_stalls_is_given_up_and_one_that_is_slow_is_not():
    app = Starlette(
        routes=[Route("/", echo, methods=["POST"])],
        middleware=[Middleware(ErrorMiddleware, patience=PATIENCE)],
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        with connect(listener) as slow, connect(listener) as stalled:
            pause = threading.Event()
            for byte in b"abcdef":
                slow.sendall(bytes([byte]))
                pause.wait(PATIENCE / 5)
            assert read_all(slow).endswith(b"abcdef")
            answer = read_all(stalled)
    finally:
        server.should_exit = True
        thread.join()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"Nothing came for 1 seconds" in answer


def test_a_database_that_is_busy_is_told_so_that_the_client_tries_again(tmp_path):
    one, other = (sqlite3.connect(tmp_path / "db", timeout=0, isolation_level=None) for _ in range(2))
    one.execute("BEGIN IMMEDIATE")

    async def write(request: Request) -> Response:
        other.execute("BEGIN IMMEDIATE")
        return PlainTextResponse("written")

    app = Starlette(routes=[Route("/", write)], middleware=[Middleware(ErrorMiddleware)])
    sent = []

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "headers": [],
        "query_string": b"",
    }
    asyncio.run(app(scope, receive, send))
    headers = dict(sent[0]["headers"])
    assert (sent[0]["status"], headers[b"retry-after"]) == (503, b"5")
    assert b"was busy with another change" in sent[1]["body"]
    one.close()
    other.close()


def connect(listener: socket.socket) -> socket.socket:
    """A connection on which a body of six bytes has been announced."""
    client = socket.create_connection(listener.getsockname(), timeout=10)
    client.sendall(b"POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: 6\r\nConnection: close\r\n\r\n")
    return client


def read_all(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))
