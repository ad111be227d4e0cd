# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to a port: REST over TLS, one gRPC call, the certificate that it serves, whether it answers in plaintext.

Needs nothing but Python 3.9's standard library: modules use it, and so does the gate on a node, where it is installed alone.

Every question ends within its ``timeout``, in seconds and overall, and reads no more than READ_LIMIT bytes, whatever the peer does: all of them go
through ``_Connection``, which alone waits for a peer.

No question raises: what went wrong is part of the answer. ``error`` is None, or begins with one of these words:
``refused`` (nothing listens), ``timeout`` (no answer in time: dropped on the way, or busy), ``no route`` (this host has no way to such an
address, so it says nothing of the other one), ``unreachable`` (something on the way said so),
``reset`` (closed without an answer), ``tls`` (handshake failed, the reason follows), ``protocol`` (an answer that makes no sense).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import io
import queue
import socket
import ssl
import struct
import threading
import time
import typing as t
import urllib.parse
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

TIMEOUT = 5.0  # seconds for one question, from the look-up of a name to the last byte
# What Python 3.13 made its default, with all versions: extensions as RFC 5280 has them, and an end at any CA that is trusted. The second has no
# name in 3.9; it is OpenSSL's X509_V_FLAG_PARTIAL_CHAIN. The preflight refuses the certificates that clients with 3.13 would.
STRICTLY = ssl.VERIFY_X509_STRICT | 0x80000
LIMIT = 1 << 20  # bytes of an answer's body that are read at most
READ_LIMIT = 2 * LIMIT  # bytes that are read from a connection at most, headers and what wraps the body included
HEADERS_LIMIT = 1 << 16  # bytes of an answer's headers in gRPC; http.client has limits of its own


@dataclass(frozen=True)
class Target:
    """A port of a host. The address is an IPv4 or IPv6 address, or a name."""

    address: str
    port: int


@dataclass(frozen=True)
class Tls:
    """Whom a client trusts and who it is. Certificates are verified, name or address included, unless only to look: without a secret."""

    ca_file: str | None = None
    ca_data: str | None = None
    # The client's own certificate and key, as files, for servers that ask for one.
    certificate: str | None = None
    key: str | None = None
    verify: bool = True
    # The name that the server's certificate is verified by, if that is not the address that is connected to.
    server_name: str = ""

    def context(self, protocols: t.Sequence[str] = ()) -> ssl.SSLContext:
        """Return a context of the ssl module; ``protocols`` are offered by ALPN (RFC 7301)."""
        context = ssl.create_default_context(cafile=self.ca_file, cadata=self.ca_data) if self.verify else _unverified()
        context.verify_flags |= STRICTLY
        if self.certificate:
            context.load_cert_chain(self.certificate, self.key)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


@dataclass(frozen=True)
class RestAnswer:
    """What a REST request got: an HTTP status with headers (names in lower case) and body, or an error."""

    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: str | None = None


@dataclass(frozen=True)
class GrpcAnswer:
    """What a gRPC call got: a status code (https://grpc.io/docs/guides/status-codes/) and its message, or an error."""

    status: int | None = None
    message: str = ""
    body: bytes = b""
    error: str | None = None


@dataclass(frozen=True)
class Served:
    """The leaf certificate that a port served, with its SHA-256 in hex and the TLS version and cipher suite that were agreed on."""

    der: bytes = b""
    sha256: str | None = None
    version: str | None = None
    cipher: str | None = None
    error: str | None = None


def describe(error: Exception) -> str:
    """Return an exception of a socket as one of this module's errors."""
    if isinstance(error, ssl.SSLError):  # before OSError, which it is too
        return "tls: %s" % (getattr(error, "verify_message", None) or error.reason or error)
    if isinstance(error, (socket.timeout, TimeoutError)):  # two classes before Python 3.10
        return "timeout"
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, (ConnectionError, EOFError, http.client.RemoteDisconnected)):
        return "reset"
    if isinstance(error, OSError) and error.errno in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
        return "no route"
    if isinstance(error, OSError):
        return "unreachable: %s" % (error.strerror or error)
    return "protocol: {}".format("".join(character if character.isprintable() else "?" for character in str(error))[:100])


_FAILURES = (OSError, EOFError, ValueError, http.client.HTTPException)


class Deadline:
    """A moment by which something must have ended, some seconds from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def over(self) -> bool:
        return time.monotonic() >= self._end

    def left(self) -> float:
        """Return seconds, more than 0.

        :raises socket.timeout: there are none.
        """
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise socket.timeout
        return seconds


def _addresses(target: Target, deadline: Deadline) -> list[t.Any]:
    """What getaddrinfo says of a target. It takes no timeout, so a name, which somebody else must be asked for, is left to a thread."""
    with contextlib.suppress(socket.gaierror):
        return socket.getaddrinfo(target.address, target.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    answers: queue.SimpleQueue[t.Any] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(socket.getaddrinfo(target.address, target.port, type=socket.SOCK_STREAM))
        except (OSError, ValueError) as error:
            answers.put(error)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise socket.timeout from None
    if isinstance(answer, Exception):
        raise answer
    found: list[t.Any] = answer
    return found


class _Connection:
    """A TCP connection, with TLS after ``handshake``. Every operation ends by one deadline, and all together read no more than READ_LIMIT bytes.

    TLS is done in memory, so that no library reads from the peer, or waits for it, by itself: a peer that drips, or floods, gets no further time.
    """

    def __init__(self, target: Target, timeout: float) -> None:
        self._deadline, self._unread = Deadline(timeout), READ_LIMIT
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._socket = self._connected(target)

    def _connected(self, target: Target) -> socket.socket:
        addresses = _addresses(target, self._deadline)
        failure = OSError("there is no such address")
        for number, (family, kind, protocol, _name, address) in enumerate(addresses):
            connection = socket.socket(family, kind, protocol)
            try:
                # The last address gets its share even where packets to the first are dropped.
                connection.settimeout(self._deadline.left() / (len(addresses) - number))
                connection.connect(address)
                return connection
            except OSError as error:
                connection.close()
                failure = error
        raise failure

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def close(self) -> None:
        """What http.client does when a connection has no further answer, and before it has read the one: nothing."""

    def handshake(self, context: ssl.SSLContext, name: str | None = None) -> ssl.SSLObject:
        """Speak TLS from now on; ``name`` is what the server's certificate is verified by, where the context verifies."""
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._through(self._tls.do_handshake)
        return self._tls

    def receive(self, length: int) -> bytes:
        """At least one byte and up to ``length``, or none once the peer has closed, with a word of TLS or without."""
        if self._tls is None:
            return self._read(length)
        tls = self._tls
        try:
            data: bytes = self._through(lambda: tls.read(length))
            return data
        except ssl.SSLEOFError:
            return b""

    def sendall(self, data: bytes) -> None:
        tls = self._tls
        if tls is None:
            self._write(data)
        else:
            self._through(lambda: tls.write(data))

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What http.client reads from."""
        return io.BufferedReader(_Stream(self))

    def _through(self, operation: t.Callable[[], t.Any]) -> t.Any:
        """Return the result of an operation of TLS, with whatever goes over the wire for it."""
        while True:
            try:
                result = operation()
            except ssl.SSLWantReadError:
                self._flush()
                data = self._read(1 << 14)
                if data:
                    self._incoming.write(data)
                else:
                    self._incoming.write_eof()
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    self._flush()  # the alert that says why
                raise
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._write(data)

    def _read(self, length: int) -> bytes:
        self._socket.settimeout(self._deadline.left())
        data = self._socket.recv(length)
        self._unread -= len(data)
        if self._unread < 0:
            raise ValueError("the answer is too long")
        return data

    def _write(self, data: bytes) -> None:
        self._socket.settimeout(self._deadline.left())
        self._socket.sendall(data)  # its timeout holds for all of the data


class _Stream(io.RawIOBase):
    """What a connection receives, as a file."""

    def __init__(self, connection: _Connection) -> None:
        super().__init__()
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        data = self._connection.receive(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def can_connect(target: Target, timeout: float = TIMEOUT) -> str:
    """Return ``open``, or the error that connecting ended with."""
    try:
        with _Connection(target, timeout):
            return "open"
    except _FAILURES as error:
        return describe(error)


def rest(
    target: Target,
    path: str,
    *,
    method: str = "GET",
    headers: t.Mapping[str, str] | None = None,
    body: bytes | None = None,
    tls: Tls | None = None,
    timeout: float = TIMEOUT,
) -> RestAnswer:
    """Return one HTTP/1.1 request. Without ``tls`` it goes out in plaintext."""
    try:
        context = None if tls is None else tls.context()
        with _Connection(target, timeout) as connection:
            if tls is not None and context is not None:
                connection.handshake(context, tls.server_name or target.address)
            conversation = http.client.HTTPConnection(target.address, target.port)
            conversation.sock = connection
            conversation.request(method, path, body=body, headers=dict(headers or {}))
            response = conversation.getresponse()
            content = response.read(LIMIT)
            return RestAnswer(response.status, {name.lower(): value for name, value in response.getheaders()}, content)
    except _FAILURES as error:
        return RestAnswer(error=describe(error))


def verification_error(target: Target, tls: Tls, protocols: t.Sequence[str] = (), timeout: float = TIMEOUT) -> str | None:
    """Return the error of a port's verified handshake; None without one. Nothing is sent over it."""
    try:
        context = tls.context(protocols)
        with _Connection(target, timeout) as connection:
            connection.handshake(context, tls.server_name or target.address)
    except _FAILURES as error:
        return describe(error)
    return None


def served_certificate(target: Target, timeout: float = TIMEOUT, version: ssl.TLSVersion | None = None) -> Served:
    """Return the certificate that a port serves, whatever it is worth: this looks, so it does not verify, and nothing else is sent.

    A port that asks for a client's certificate shows its own first, so it is seen there too.
    """
    context = _unverified()
    if version is not None:
        context.minimum_version = context.maximum_version = version
    try:
        with _Connection(target, timeout) as connection:
            secure = connection.handshake(context)
            der = secure.getpeercert(binary_form=True) or b""
            cipher = secure.cipher()
            return Served(der, hashlib.sha256(der).hexdigest(), secure.version(), cipher[0] if cipher else None)
    except _FAILURES as error:
        return Served(error=describe(error))


def _unverified() -> ssl.SSLContext:
    """Return a context for looking at a server whose worth is what is to be found out. Nothing secret goes over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def accepts_client(target: Target, certificate: str | None = None, key: str | None = None, timeout: float = TIMEOUT) -> str:
    """Return whether a port talks to a client that shows this certificate, or none: ``accepted``, ``rejected``, or an error.

    In TLS 1.3 a client's handshake ends before the server has looked at its certificate, so what counts is whether an answer comes.
    """
    context = _unverified()
    context.set_alpn_protocols(["h2"])
    try:
        if certificate:
            context.load_cert_chain(certificate, key)
        with _Connection(target, timeout) as connection:
            try:
                connection.handshake(context)
                connection.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, b""))
                return "accepted" if connection.receive(16) else "rejected"
            except (ssl.SSLError, ConnectionError) as error:
                # An alert, or a close in its place; what the local library cannot do says nothing about the server.
                return "rejected" if "ALERT" in str(error) or "EOF" in str(error) or isinstance(error, ConnectionError) else describe(error)
    except _FAILURES as error:
        return describe(error)


# What a client of today would not agree to: versions before 1.2; suites without forward secrecy or without authenticated encryption.
_OUTDATED = {
    "version": (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
    "suite": (
        ssl.TLSVersion.TLSv1_2,
        ssl.TLSVersion.TLSv1_2,
        "ALL:COMPLEMENTOFALL:!ECDHE+AESGCM:!DHE+AESGCM:!ECDHE+CHACHA20:!DHE+CHACHA20:!ECDHE+AESCCM:!DHE+AESCCM:@SECLEVEL=0",
    ),
}


def accepts_outdated(target: Target, what: str, timeout: float = TIMEOUT) -> str:
    """Return whether a port agrees on an outdated ``version`` or ``suite`` of TLS: ``accepted`` (and which), ``rejected``, or an error."""
    lowest, highest, suites = _OUTDATED[what]
    context = _unverified()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that these versions are outdated is the point
        context.minimum_version, context.maximum_version = lowest, highest
    try:
        context.set_ciphers(suites)
        with _Connection(target, timeout) as connection:
            try:
                secure = connection.handshake(context)
                return "accepted: {} {}".format(secure.version(), (secure.cipher() or ("unknown",))[0])
            except (ssl.SSLError, ConnectionError) as error:
                return "rejected" if "ALERT" in str(error) or "EOF" in str(error) or isinstance(error, ConnectionError) else describe(error)
    except _FAILURES as error:
        return describe(error)


def plaintext(target: Target, timeout: float = TIMEOUT) -> str:
    """Return ``answered`` if the port speaks HTTP without TLS, ``silent`` if it takes connections but does not, or an error."""
    requests = (b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", _PREFACE + _frame(_SETTINGS, 0, 0, b""))
    # At once, so that a server that is silent to one has all of the time for the other.
    with ThreadPoolExecutor(max_workers=len(requests)) as pool:
        outcomes = list(pool.map(lambda request: _said_in_plaintext(target, request, timeout), requests))
    return "answered" if "answered" in outcomes else next((outcome for outcome in outcomes if outcome != "silent"), "silent")


def _said_in_plaintext(target: Target, request: bytes, timeout: float) -> str:
    try:
        connection = _Connection(target, timeout)
    except _FAILURES as error:
        return describe(error)
    answer = b""
    with connection, contextlib.suppress(OSError):  # says nothing, or closes at once: so does a server that expected TLS
        connection.sendall(request)
        while len(answer) < _FRAME_HEADER:
            part = connection.receive(16)
            if not part:
                break
            answer += part
    return "answered" if answer.startswith(b"HTTP/") or answer[3:4] == bytes([_SETTINGS]) else "silent"


# --- gRPC: one call over one HTTP/2 connection (RFC 9113), headers by HPACK (RFC 7541) ---------------------------------

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE, _CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
_STREAM = 1
_FRAME_HEADER = 9  # bytes

# HEADER_TABLE_SIZE = 0: headers come without references to earlier ones. INITIAL_WINDOW_SIZE = LIMIT.
_OUR_SETTINGS = struct.pack(">HIHI", 0x1, 0, 0x4, LIMIT)

# The lengths of the codes of RFC 7541, appendix B, in base 36, for the bytes 0 to 255 and the end mark. The code is canonical: codes of one length
# are consecutive numbers in the order of their bytes, so the lengths are all that there is to know.
_HUFFMAN_LENGTHS = (
    "dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad67777777777777777777777878djde6"
    "f56565666577666567655677777fbedskmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn"
    "qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu"
)


def _huffman_codes() -> dict[tuple[int, int], int]:
    """Return byte by (length, code)."""
    codes = {}
    code = previous = 0
    for length, byte in sorted((int(digit, 36), byte) for byte, digit in enumerate(_HUFFMAN_LENGTHS)):
        code <<= length - previous
        codes[length, code] = byte
        code, previous = code + 1, length
    return codes


_HUFFMAN = _huffman_codes()


def _huffman_decode(data: bytes) -> bytes:
    """Decode a string; what remains at its end is padding, shorter than a byte."""
    decoded, length, code = bytearray(), 0, 0
    for byte in data:
        for shift in range(7, -1, -1):
            length, code = length + 1, code << 1 | byte >> shift & 1
            symbol = _HUFFMAN.get((length, code))
            if symbol == 256:
                raise ValueError("a string of HPACK holds the end mark")
            if symbol is not None:
                decoded.append(symbol)
                length = code = 0
    return bytes(decoded)


def _integer(data: bytes, position: int, bits: int) -> tuple[int, int]:
    """Return an integer with a prefix of ``bits`` (section 5.1), and the position behind it."""
    value = data[position] & (1 << bits) - 1
    position += 1
    if value == (1 << bits) - 1:
        shift = 0
        while True:
            byte = data[position]
            position += 1
            value += (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
            if shift > 28:
                raise ValueError("an integer of HPACK is too long")
    return value, position


def _string(data: bytes, position: int) -> tuple[str, int]:
    """Return a string (section 5.2), and the position behind it."""
    coded = data[position] & 0x80
    length, position = _integer(data, position, 7)
    if position + length > len(data):
        raise ValueError("a string of HPACK is cut off")
    raw = data[position : position + length]
    return (_huffman_decode(raw) if coded else raw).decode("utf-8", "replace"), position + length


# Of the static table (appendix A) only the status matters; other names are not looked at.
_STATIC = {8: "200", 9: "204", 10: "206", 11: "304", 12: "400", 13: "404", 14: "500"}


def _headers(data: bytes) -> dict[str, str]:
    """Return the headers of a header block (section 6). Names from the static table other than :status appear as ``#index``."""
    headers, position = {}, 0
    while position < len(data):
        first = data[position]
        if first & 0x80:  # indexed
            index, position = _integer(data, position, 7)
            name, value = (":status", _STATIC[index]) if index in _STATIC else ("#%d" % index, "")
        elif first & 0xE0 == 0x20:  # a new size of the dynamic table, which is 0
            _unused, position = _integer(data, position, 5)
            continue
        else:  # literal: with indexing, without, or never
            index, position = _integer(data, position, 6 if first & 0x40 else 4)
            if index:
                name = ":status" if index in _STATIC else "#%d" % index
            else:
                name, position = _string(data, position)
            value, position = _string(data, position)
        headers[name] = value
    return headers


def _literal(name: str, value: str) -> bytes:
    """Return a header as a literal that is never indexed, without Huffman coding (section 6.2.3)."""
    encoded = b"\x10"
    for part in (name.encode("ascii"), value.encode("utf-8")):
        if len(part) < 127:
            encoded += bytes([len(part)]) + part
            continue
        rest_of_length, length = len(part) - 127, b"\x7f"
        while rest_of_length >= 0x80:
            length += bytes([rest_of_length & 0x7F | 0x80])
            rest_of_length >>= 7
        encoded += length + bytes([rest_of_length]) + part
    return encoded


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _exactly(connection: _Connection, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = connection.receive(length - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


def _next_frame(connection: _Connection) -> tuple[int, int, int, bytes]:
    """Return kind, flags, stream, and payload without padding and priority."""
    header = _exactly(connection, _FRAME_HEADER)
    kind, flags, stream = header[3], header[4], int.from_bytes(header[5:], "big") & 0x7FFFFFFF
    payload = _exactly(connection, int.from_bytes(header[:3], "big"))
    if kind in (_DATA, _HEADERS) and flags & _PADDED:
        payload = payload[1 : len(payload) - payload[0]]
    if kind == _HEADERS and flags & _PRIORITY:
        payload = payload[5:]
    return kind, flags, stream, payload


def _converse(connection: _Connection) -> tuple[dict[str, str], bytes]:
    """Read the answer to the one call: its headers and trailers together, and its body."""
    headers: dict[str, str] = {}
    body, block = bytearray(), bytearray()
    left = HEADERS_LIMIT
    ended = False
    while True:
        kind, flags, stream, payload = _next_frame(connection)
        if kind == _SETTINGS and not flags & _ACK:
            connection.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            connection.sendall(_frame(_PING, _ACK, 0, payload))
        elif kind == _GOAWAY or (stream == _STREAM and kind == _RST_STREAM):
            raise ConnectionResetError
        elif stream == _STREAM and kind == _DATA:
            body += payload
            ended = bool(flags & _END_STREAM)
        elif stream == _STREAM and kind in (_HEADERS, _CONTINUATION):
            left -= len(payload)
            if left < 0:
                raise ValueError("the headers are too long")
            block += payload
            ended = ended or bool(kind == _HEADERS and flags & _END_STREAM)
            if flags & _END_HEADERS:
                headers.update(_headers(bytes(block)))
                block.clear()
        if ended and not block:
            return headers, bytes(body)


def grpc(
    target: Target,
    method: str = "/qdrant.Collections/List",
    *,
    metadata: t.Mapping[str, str] | None = None,
    message: bytes = b"",
    tls: Tls | None = None,
    timeout: float = TIMEOUT,
) -> GrpcAnswer:
    """Return one unary gRPC call with a message in protobuf's encoding. Without ``tls`` it goes out in plaintext."""
    request = [
        (":method", "POST"),
        (":scheme", "https" if tls else "http"),
        (":path", method),
        (":authority", "[%s]:%d" % (target.address, target.port) if ":" in target.address else "%s:%d" % (target.address, target.port)),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        *(metadata or {}).items(),
    ]
    try:
        context = None if tls is None else tls.context(["h2"])
        with _Connection(target, timeout) as connection:
            if tls is not None and context is not None:
                connection.handshake(context, tls.server_name or target.address)
            connection.sendall(
                _PREFACE
                + _frame(_SETTINGS, 0, 0, _OUR_SETTINGS)
                + _frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", LIMIT))
                + _frame(_HEADERS, _END_HEADERS, _STREAM, b"".join(_literal(*header) for header in request))
                + _frame(_DATA, _END_STREAM, _STREAM, b"\0" + struct.pack(">I", len(message)) + message)
            )
            headers, body = _converse(connection)
        if "grpc-status" not in headers:
            return GrpcAnswer(error="protocol: HTTP {} without a grpc-status".format(headers.get(":status")))
        return GrpcAnswer(int(headers["grpc-status"]), urllib.parse.unquote(headers.get("grpc-message", "")), body[5:])
    except (*_FAILURES, IndexError) as error:
        return GrpcAnswer(error=describe(error) if not isinstance(error, IndexError) else "protocol: a header block is cut off")
