# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every question to a port ends within its timeout, whatever the peer does: drips, floods, says nothing, or is not found."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _wire

TIMEOUT = 0.5  # seconds
ENOUGH = 4.0  # seconds, for a busy machine; the peers below go on for LONG
LONG = 30.0
ANSWERED = 20.0  # seconds, for what comes at once
DRIP = 0.1  # seconds between two pieces: each comes well within TIMEOUT

Peer = Callable[[socket.socket], None]


@pytest.fixture
def serve():
    """A server on loopback: starts a peer's function, in a thread, with each connection that it takes."""
    listeners = []

    def start(peer: Peer) -> _wire.Target:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def one(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                peer(connection)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return _wire.Target("127.0.0.1", listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.close()


@pytest.fixture(scope="module")
def pem(tmp_path_factory) -> str:
    """A server's key and certificate, in one file."""
    folder = tmp_path_factory.mktemp("pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(folder / "key"), "-out",
               str(folder / "ca"), "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    (folder / "pem").write_text((folder / "key").read_text() + (folder / "ca").read_text())
    return str(folder / "pem")


def drips(pieces: Iterator[bytes]) -> Peer:
    """A peer that reads nothing and sends a piece now and then."""

    def peer(connection: socket.socket) -> None:
        end = time.monotonic() + LONG
        for piece in pieces:
            if time.monotonic() > end:
                return
            connection.sendall(piece)
            time.sleep(DRIP)

    return peer


def floods(start: bytes, piece: bytes) -> Peer:
    """A peer that sends as fast as it can, without an end."""

    def peer(connection: socket.socket) -> None:
        end = time.monotonic() + LONG
        connection.sendall(start)
        while time.monotonic() < end:
            connection.sendall(piece * 64)

    return peer


def bytewise(text: bytes, *then: bytes) -> Callable[[], Iterator[bytes]]:
    """A text byte by byte, and then one of the last again and again."""
    return lambda: itertools.chain((bytes([byte]) for byte in text), itertools.cycle(then or (b"x",)))


def in_tls(pem: str, peer: Peer) -> Peer:
    """The same peer, after a handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.set_alpn_protocols(["h2", "http/1.1"])

    def wrapped(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            peer(secure)

    return wrapped


def drips_tls(pem: str) -> Peer:
    """A peer whose handshake is right, and comes byte by byte."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def peer(connection: socket.socket) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
            for byte in outgoing.read():
                connection.sendall(bytes([byte]))
                time.sleep(DRIP)
            incoming.write(connection.recv(65536))

    return peer


def silent(connection: socket.socket) -> None:
    time.sleep(LONG)


LOOKING = _wire.Tls(verify=False)
SETTINGS = _wire._frame(4, 0, 0, b"")
QUESTIONS = {
    "rest": lambda target, timeout: _wire.rest(target, "/", timeout=timeout).error,
    "rest, TLS": lambda target, timeout: _wire.rest(target, "/", tls=LOOKING, timeout=timeout).error,
    "grpc": lambda target, timeout: _wire.grpc(target, timeout=timeout).error,
    "grpc, TLS": lambda target, timeout: _wire.grpc(target, tls=LOOKING, timeout=timeout).error,
    "certificate": lambda target, timeout: _wire.served_certificate(target, timeout).error,
    "verification": lambda target, timeout: _wire.verification_error(target, LOOKING, timeout=timeout),
    "client": lambda target, timeout: _wire.accepts_client(target, timeout=timeout),
    "outdated version": lambda target, timeout: _wire.accepts_outdated(target, "version", timeout),
    "outdated suite": lambda target, timeout: _wire.accepts_outdated(target, "suite", timeout),
    "plaintext": _wire.plaintext,
}
IN_TLS = ("rest, TLS", "grpc, TLS", "client")


def asked(question: str, target: _wire.Target, timeout: float = TIMEOUT) -> str:
    """What a question ended with, in time."""
    began = time.monotonic()
    outcome = QUESTIONS[question](target, timeout)
    assert time.monotonic() - began < ENOUGH, (question, outcome)
    return outcome


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_peer_that_says_nothing(serve, question):
    assert asked(question, serve(silent)) == ("silent" if question == "plaintext" else "timeout")


@pytest.mark.parametrize("question", ["rest, TLS", "grpc, TLS", "certificate", "verification", "client", "outdated suite"])
def test_a_handshake_that_drips(serve, pem, question):
    assert asked(question, serve(drips_tls(pem))) == "timeout"


@pytest.mark.parametrize("question", [name for name in QUESTIONS if "TLS" not in name])
def test_an_answer_that_drips_from_its_first_byte(serve, question):
    """Of TLS, it is the head of a record that is long; of HTTP, a status line without an end; of HTTP/2, a frame."""
    text = b"HTTP/1.1 200 " if question in ("rest", "plaintext") else b"\0\xff\xff\0\0\0\0\0\1" if question == "grpc" else b"\x16\x03\x03\x40\0\2\0\x3f\xfc"
    assert asked(question, serve(drips(bytewise(text)()))) in ("timeout", "silent", "answered")


REST = {
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 900000\r\n\r\n", b"x"),
    "body without a length": (b"HTTP/1.0 200 OK\r\n\r\n", b"x"),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "trailers": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
}
GRPC = {
    "data": (SETTINGS, _wire._frame(0, 0, 1, b"x")),
    "pings": (SETTINGS, _wire._frame(6, 0, 0, b"12345678")),
    "settings": (b"", SETTINGS),
    "headers": (SETTINGS, _wire._frame(1, 4, 1, _wire._literal("x", "y"))),
    "continuation": (SETTINGS + _wire._frame(1, 0, 1, _wire._literal("x", "y")), _wire._frame(9, 0, 1, _wire._literal("x", "y"))),
    "empty frames": (SETTINGS, _wire._frame(0, 0, 1, b"")),
    "unknown frames": (SETTINGS, _wire._frame(200, 0, 7, b"")),
}


@pytest.mark.parametrize("kind", ["plain", "TLS"])
@pytest.mark.parametrize(("way", "what"), [*(("rest", name) for name in REST), *(("grpc", name) for name in GRPC)])
def test_an_answer_that_drips_for_ever(serve, pem, way, what, kind):
    start, piece = (REST if way == "rest" else GRPC)[what]
    peer = drips(itertools.chain([start], itertools.repeat(piece)))
    target = serve(peer if kind == "plain" else in_tls(pem, peer))
    assert asked(way if kind == "plain" else way + ", TLS", target) == "timeout"


@pytest.mark.parametrize("kind", ["plain", "TLS"])
@pytest.mark.parametrize(("way", "what"), [*(("rest", name) for name in REST), *(("grpc", name) for name in GRPC)])
def test_an_answer_that_floods(serve, pem, way, what, kind):
    """It is given up when it is too long, or when the time is over. A body is cut off, and its status is an answer."""
    start, piece = (REST if way == "rest" else GRPC)[what]
    target = serve(floods(start, piece) if kind == "plain" else in_tls(pem, floods(start, piece)))
    cut_off = way == "rest" and what.startswith("body")
    outcome = asked(way if kind == "plain" else way + ", TLS", target, ANSWERED if cut_off else TIMEOUT)
    assert outcome is None if cut_off else outcome and outcome.startswith(("protocol", "timeout")), outcome


def test_headers_that_take_long_to_read_are_not_read(serve):
    """By Huffman's code every bit is looked at: a megabyte of it costs seconds."""
    block = bytearray(_wire._literal("x", "\0" * 900000))
    block[3] |= 0x80  # the value is coded
    target = serve(lambda connection: connection.sendall(SETTINGS + _wire._frame(1, 5, 1, block)) or time.sleep(LONG))
    assert asked("grpc", target, ANSWERED) == "protocol: the headers are too long"


def test_a_peer_that_takes_nothing_in(serve):
    """What is sent does not fit into the buffers on the way."""
    began = time.monotonic()
    assert _wire.rest(serve(silent), "/", method="PUT", body=b"x" * (64 << 20), timeout=TIMEOUT).error == "timeout"
    assert _wire.rest(serve(silent), "/", headers={"x": "y" * (64 << 20)}, timeout=TIMEOUT).error == "timeout"
    assert time.monotonic() - began < 2 * ENOUGH


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_name_whose_server_does_not_answer(monkeypatch, question):
    real = socket.getaddrinfo

    def hangs(address, *arguments, **named):
        if named.get("flags") == socket.AI_NUMERICHOST:
            return real(address, *arguments, **named)
        time.sleep(LONG)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    assert asked(question, _wire.Target("qdrant.example.com", 1)) == "timeout"


def test_a_name_that_is_none_says_so(monkeypatch):
    def refuses(*_arguments, **_named):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuses)
    assert _wire.can_connect(_wire.Target("qdrant.example.com", 1)) == "unreachable: Name or service not known"


def test_a_name_of_several_addresses_is_tried_at_each(monkeypatch, serve):
    target = serve(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") or time.sleep(1))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        ports = [closed.getsockname()[1], target.port]
    found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", port)) for port in ports]

    def both(*_arguments, flags=0, **_named):
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "")
        return found

    monkeypatch.setattr(socket, "getaddrinfo", both)
    assert _wire.rest(_wire.Target("qdrant.example.com", 1), "/").status == 200


@pytest.mark.parametrize("question", IN_TLS)
def test_a_peer_that_closes_after_the_handshake_is_no_timeout(serve, pem, question):
    outcome = asked(question, serve(in_tls(pem, lambda connection: None)), ANSWERED)
    assert outcome == ("rejected" if question == "client" else "reset")


def test_a_deadline_has_time_left_or_is_over():
    later, past = _wire.Deadline(60), _wire.Deadline(0)
    assert not later.over() and 50 < later.left() <= 60
    assert past.over()
    with pytest.raises(socket.timeout):
        past.left()
