"""A bad network between a client and a hub, and the same one every time it is asked for. Import it as `faults`.

Each request either passes or meets one fault. Which one is drawn from the seed, the request (method and path, without
what differs from run to run) and how often it has been made before, so that a failure can be repeated.
"""

import random
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import h11

KINDS = (
    "dropped before the hub",
    "answer lost",
    "answered 429",
    "answered 500",
    "answered 503",
    "stalled",
    "upload cut",
    "download cut",
)
# Shorter ones fit into one packet, so that there is no half of them.
SHORTEST_TO_CUT_BYTES = 200
CHUNK_BYTES = 2**16
IDLE_SECONDS = 60.0
# Commit ids and hashes, times, and random parts of names.
VOLATILE = re.compile(r"[0-9a-f]{8,}|\d{6,}")


class _Cut(Exception):
    """The connection is to be broken off here."""


@dataclass
class FaultProxy:
    """Listens at `url` and passes requests on to the hub, but for the faults.

    Attributes:
        upstream: the hub's URL; change it when the hub comes back at another.
        seed: what the faults are drawn from.
        probability: of a fault, for each request.
        in_a_row: most faults that the same request meets one after the other.
        limit: most faults of all.
        stall_seconds: how long a stalled answer is held back.
        kinds: which faults there are.
        spared: whether a request (method, path) never meets a fault.
        counts: faults so far, by kind.
        requests: requests so far.
    """

    upstream: str
    seed: int = 0
    probability: float = 0.1
    in_a_row: int = 2
    limit: int = 2**31
    stall_seconds: float = 1.0
    kinds: tuple[str, ...] = KINDS
    spared: Callable[[str, str], bool] = lambda method, path: False
    counts: Counter[str] = field(default_factory=Counter, init=False)
    requests: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._seen: Counter[str] = Counter()
        self._faults_in_a_row: Counter[str] = Counter()
        self._open: set[socket.socket] = set()
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self) -> "FaultProxy":
        return self

    def __exit__(self, *_: object) -> None:
        # Closing it does not wake the thread that waits in `accept`; this does.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                _shut(connection)
        self._acceptor.join(10)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with self._held(connection):
            client = _Peer(connection, h11.Connection(h11.SERVER))
            while self._serve_one(client):
                client.protocol.start_next_cycle()

    def _serve_one(self, client: "_Peer") -> bool:
        """Serve a request and tell whether the connection can be used for another."""
        request = client.receive()
        if not isinstance(request, h11.Request):
            return False
        method, path = request.method.decode(), request.target.decode()
        fault, draw = self._draw(method, path, _body_bytes(request))
        if fault == "dropped before the hub":
            return _break(client, draw)
        if fault is not None and fault.startswith("answered"):
            return _refuse(client, int(fault.rpartition(" ")[2]))
        address = urlsplit(self.upstream)
        with (
            socket.create_connection((address.hostname, address.port), IDLE_SECONDS) as plain,
            self._held(plain),
        ):
            hub = _Peer(plain, h11.Connection(h11.CLIENT))
            try:
                self._pass_on(client, hub, request, fault)
            except _Cut:
                return _break(client, draw)
        return client.protocol.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}

    def _pass_on(self, client: "_Peer", hub: "_Peer", request: h11.Request, fault: str | None) -> None:
        hub.send(request)
        _relay(client, hub, _half(request) if fault == "upload cut" else None)
        answer = hub.receive()
        while isinstance(answer, h11.InformationalResponse):
            answer = hub.receive()
        if not isinstance(answer, h11.Response):
            raise _Cut
        if fault == "stalled":
            time.sleep(self.stall_seconds)
        if fault == "answer lost":
            _drain(hub)
            raise _Cut
        cut = fault == "download cut"
        if cut and (request.method == b"HEAD" or _body_bytes(answer) < SHORTEST_TO_CUT_BYTES):
            raise _Cut
        client.send(answer)
        _relay(hub, client, _half(answer) if cut else None)

    def _draw(self, method: str, path: str, size: int) -> tuple[str | None, random.Random]:
        key = f"{method} {VOLATILE.sub('*', path)}"
        with self._lock:
            self.requests += 1
            self._seen[key] += 1
            draw = random.Random(f"{self.seed} {key} {self._seen[key]}")
            fitting = [kind for kind in self.kinds if _fits(kind, method, size)]
            spared = self.spared(method, path) or not fitting or self.counts.total() >= self.limit
            if draw.random() >= self.probability or spared or self._faults_in_a_row[key] >= self.in_a_row:
                self._faults_in_a_row[key] = 0
                return None, draw
            fault = draw.choice(fitting)
            self._faults_in_a_row[key] += 1
            self.counts[fault] += 1
            return fault, draw

    @contextmanager
    def _held(self, connection: socket.socket) -> Iterator[None]:
        """Close a connection in the end, and earlier where the proxy ends or the other side is gone."""
        connection.settimeout(IDLE_SECONDS)
        with self._lock:
            self._open.add(connection)
        try:
            yield
        except (OSError, h11.ProtocolError):
            # Either side may go at any moment; then the other one must notice.
            return
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


@dataclass
class _Peer:
    """One side of the proxy: a connection and how far its request and answer have come."""

    connection: socket.socket
    protocol: h11.Connection

    def receive(self) -> object:
        while (event := self.protocol.next_event()) is h11.NEED_DATA:
            self.protocol.receive_data(self.connection.recv(CHUNK_BYTES))
        return event

    def send(self, event: h11.Event) -> None:
        self.connection.sendall(self.protocol.send(event) or b"")


def _relay(source: _Peer, target: _Peer, cut_at: int | None) -> None:
    """Pass a body on to its end, or up to a number of bytes."""
    passed = 0
    while isinstance(event := source.receive(), h11.Data):
        data = bytes(event.data)[: None if cut_at is None else cut_at - passed]
        target.send(h11.Data(data=data))
        passed += len(data)
        if passed == cut_at:
            raise _Cut
    if not isinstance(event, h11.EndOfMessage):
        raise _Cut
    target.send(event)


def _drain(peer: _Peer) -> None:
    while isinstance(peer.receive(), h11.Data):
        pass


def _refuse(client: _Peer, status: int) -> bool:
    _drain(client)
    body = b"<html>The server is not well.</html>"
    headers = [("content-type", "text/html"), ("content-length", str(len(body)))]
    if status == 429:
        headers.append(("retry-after", "1"))
    client.send(h11.Response(status_code=status, headers=headers))
    client.send(h11.Data(data=body))
    client.send(h11.EndOfMessage())
    return True


def _break(client: _Peer, draw: random.Random) -> bool:
    """Break the connection off, by half of the time so that the client sees a reset."""
    if draw.random() < 0.5:
        client.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    else:
        _shut(client.connection)
    return False


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


def _fits(kind: str, method: str, size: int) -> bool:
    if kind == "upload cut":
        return size >= SHORTEST_TO_CUT_BYTES
    return kind != "download cut" or method == "GET"


def _body_bytes(message: h11.Request | h11.Response) -> int:
    lengths = [int(value) for name, value in message.headers if name == b"content-length"]
    return lengths[0] if lengths else 0


def _half(message: h11.Request | h11.Response) -> int:
    return _body_bytes(message) // 2
