# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection of HTTP/2 to a proxy, whose handshake is made when the test says so. Clients' libraries decide that themselves.

Frames are read one by one, since a connection that the other side ends goes on until its last answer.
"""

from __future__ import annotations

import socket

from hpack import Decoder, Encoder
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, SettingsFrame

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


class Connection:
    """:ivar answers: requests that were answered with 200. :ivar goaway: the error's number with which the proxy said that it ends; 0 is in order."""

    def __init__(self, proxy) -> None:
        self._context, self._host = proxy.context(), proxy.host.address
        self._context.set_alpn_protocols(["h2"])
        self._socket = socket.create_connection((self._host, proxy.grpc), timeout=30)
        self._encoder, self._decoder, self._stream = Encoder(), Decoder(), 1
        self.answers, self.goaway = 0, None

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def shake_hands(self) -> None:
        self._socket = self._context.wrap_socket(self._socket, server_hostname=self._host)
        self._socket.sendall(PREFACE + SettingsFrame().serialize())

    def ask(self) -> bool:
        """Ask the health check of gRPC; whether another request may follow."""
        names = {":method": "POST", ":path": "/qdrant.Qdrant/HealthCheck", ":scheme": "https", ":authority": self._host}
        block = self._encoder.encode({**names, "content-type": "application/grpc", "te": "trailers"})
        request = HeadersFrame(self._stream, block, flags=["END_HEADERS"]).serialize() + DataFrame(self._stream, bytes(5), flags=["END_STREAM"]).serialize()
        self._socket.sendall(request)
        self._stream += 2
        ended = False
        while not ended:
            frame = self._receive()
            if isinstance(frame, GoAwayFrame):
                self.goaway = frame.error_code
            elif isinstance(frame, HeadersFrame):
                self.answers += dict(self._decoder.decode(frame.data)).get(":status") == "200"
            ended = "END_STREAM" in frame.flags
        return self.goaway is None

    def _receive(self) -> Frame:
        frame, length = Frame.parse_frame_header(memoryview(self._read(9)))
        frame.parse_body(memoryview(self._read(length)))
        return frame

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            part = self._socket.recv(length - len(data))
            assert part, "closed within a request"
            data += part
        return data
