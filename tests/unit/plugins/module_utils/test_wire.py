# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wire library against servers of the standard library, and its HPACK against the library hpack."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import subprocess
import threading

import hpack
import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _wire
from hypothesis import given
from hypothesis import strategies as st


@given(st.binary(max_size=200))
def test_huffman_is_what_the_standard_says(data):
    assert _wire._huffman_decode(hpack.huffman.HuffmanEncoder(*_tables()).encode(data)) == data


def _tables():
    from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

    return REQUEST_CODES, REQUEST_CODES_LENGTH


@given(st.text(max_size=300), st.booleans())
def test_headers_are_read_as_the_library_writes_them(message, huffman):
    encoder = hpack.Encoder()
    encoder.header_table_size = 0  # as _OUR_SETTINGS asks for
    block = encoder.encode([(":status", "200"), ("grpc-status", "16"), ("grpc-message", message)], huffman=huffman)
    headers = _wire._headers(block)
    assert headers[":status"] == "200" and headers["grpc-status"] == "16"
    assert headers["grpc-message"] == message.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


@pytest.mark.parametrize("length", [0, 1, 126, 127, 128, 300, 70000])
def test_the_library_reads_headers_as_they_are_written(length):
    assert hpack.Decoder(max_header_list_size=1 << 20).decode(_wire._literal("api-key", "x" * length)) == [("api-key", "x" * length)]


@given(st.binary(max_size=100))
def test_garbage_is_an_error_and_no_crash(data):
    try:
        _wire._headers(data)
    except (ValueError, IndexError):
        pass


def test_certificates_are_verified_alike_with_every_python():
    """As 3.13 does by default. It names the second flag since 3.10."""
    assert getattr(ssl, "VERIFY_X509_PARTIAL_CHAIN", 0x80000) | ssl.VERIFY_X509_STRICT == _wire.STRICTLY
    assert _wire.Tls().context().verify_flags & _wire.STRICTLY == _wire.STRICTLY


class Server:
    """A server that takes one connection at a time and sends what it is told, whatever it was asked."""

    def __init__(self, answer: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._answer = answer
        self.target = _wire.Target("127.0.0.1", self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                try:
                    connection.sendall(self._answer)
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(65536):  # a close before everything is read would be a reset
                        pass
                except OSError:
                    continue  # the other side had enough

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def serve():
    servers = []

    def start(answer: bytes) -> _wire.Target:
        servers.append(Server(answer))
        return servers[-1].target

    yield start
    for server in servers:
        server.close()


SETTINGS = _wire._frame(4, 0, 0, b"")
ALERT = b"\x15\x03\x03\x00\x02\x02\x32"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(b"HTTP/1.1 401 Unauthorized\r\n\r\n", "answered"), (SETTINGS, "answered"), (ALERT, "silent"), (b"", "silent")],
)
def test_plaintext(serve, answer, expected):
    assert _wire.plaintext(serve(answer), 1) == expected


def test_a_closed_port_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = _wire.Target("127.0.0.1", listener.getsockname()[1])
    assert _wire.can_connect(target, 1) == "refused"
    assert _wire.plaintext(target, 1) == "refused"
    assert _wire.rest(target, "/", timeout=1).error == "refused"
    assert _wire.grpc(target, timeout=1).error == "refused"
    assert _wire.served_certificate(target, 1).error == "refused"


def test_a_host_without_a_way_says_nothing_of_the_other():
    errors = {number: _wire.describe(OSError(number, "text")) for number in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EHOSTUNREACH)}
    assert list(errors.values()) == ["no route", "no route", "unreachable: text"]


def test_silence_is_a_timeout():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = _wire.Target("127.0.0.1", listener.getsockname()[1])
        assert _wire.can_connect(target, 0.2) == "open"
        assert _wire.rest(target, "/", timeout=0.2).error == "timeout"
        assert _wire.grpc(target, timeout=0.2).error == "timeout"


def test_rest_reads_an_answer(serve):
    answer = _wire.rest(serve(b"HTTP/1.1 403 Forbidden\r\nX-Name: v\r\nContent-Length: 2\r\n\r\nno"), "/", timeout=1)
    assert (answer.status, answer.headers["x-name"], answer.body, answer.error) == (403, "v", b"no", None)


@pytest.mark.parametrize(("name", "trusted"), [("qdrant.example.com", True), ("other.example.com", False), ("", False)])
def test_rest_verifies_by_the_name_that_it_is_given(tmp_path, name, trusted):
    pem = tmp_path / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(pem), "-out", str(tmp_path / "ca"),
               "-subj", "/CN=x", "-addext", "subjectAltName=DNS:qdrant.example.com"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    pem.write_text(pem.read_text(encoding="ascii") + (tmp_path / "ca").read_text(encoding="ascii"), encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    def answer(listener) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(listener.accept()[0], server_side=True) as connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,), daemon=True)
        thread.start()
        seen = _wire.rest(_wire.Target("127.0.0.1", listener.getsockname()[1]), "/", tls=_wire.Tls(ca_file=str(tmp_path / "ca"), server_name=name), timeout=5)
        thread.join(5)
    assert (seen.status == 401) is trusted and (seen.error or "").startswith("" if trusted else "tls:"), seen


def headers_frame(flags: int, *pairs: tuple[str, str], kind: int = 1) -> bytes:
    return _wire._frame(kind, flags, 1, b"".join(_wire._literal(*pair) for pair in pairs))


UNAUTHENTICATED = (("grpc-status", "16"), ("grpc-message", "no%20key"))


@pytest.mark.parametrize(
    "answer",
    [
        SETTINGS + headers_frame(0x5, *UNAUTHENTICATED),
        # In two pieces, and with a ping before.
        SETTINGS + _wire._frame(6, 0, 0, b"12345678") + headers_frame(0x1, UNAUTHENTICATED[0]) + headers_frame(0x4, UNAUTHENTICATED[1], kind=9),
        # Headers, data, trailers.
        SETTINGS + headers_frame(0x4, (":status", "200")) + _wire._frame(0, 0, 1, b"\0\0\0\0\2hi") + headers_frame(0x5, *UNAUTHENTICATED),
    ],
    ids=["trailers-only", "continued", "with-body"],
)
def test_grpc_status_is_found_wherever_it_stands(serve, answer):
    found = _wire.grpc(serve(answer), timeout=1)
    assert (found.status, found.message, found.error) == (16, "no key", None)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        SETTINGS + headers_frame(0x5, (":status", "404")),
        SETTINGS + _wire._frame(7, 0, 0, b"\0" * 8),
        SETTINGS + _wire._frame(3, 0, 1, b"\0" * 4),
        SETTINGS + _wire._frame(1, 0x5, 1, b"\xff"),
        SETTINGS[:5],
    ],
)
def test_what_is_no_grpc_answer_is_an_error(serve, answer):
    found = _wire.grpc(serve(answer), timeout=1)
    assert found.status is None and found.error
