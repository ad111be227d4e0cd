# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of proxies share: a proxy as a client sees it, and settings as a user changes them."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

import yaml
from qdrant_client import QdrantClient


@dataclass(frozen=True)
class Answer:
    """What a request got."""

    status_code: int
    headers: dict[str, str]
    text: str


@dataclass(frozen=True)
class Proxy:
    """A proxy's host, where it listens, and whom its clients trust. ``name`` is what they verify it by, if that is not the address."""

    host: object
    rest: int
    grpc: int
    ca: str
    certificate: tuple[str, str] | None = None
    name: str = ""

    @property
    def url(self) -> str:
        return "https://%s:%d" % (self.host.address, self.rest)

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        if self.certificate:
            context.load_cert_chain(*self.certificate)
        return context

    def get(self, path: str, headers: dict | None = None) -> Answer:
        return self.ask("GET", path, headers=headers)

    def ask(self, method: str, path: str, body: bytes | str | None = None, headers: dict | None = None) -> Answer:
        """A request whose path is sent as it is written."""
        connection = http.client.HTTPSConnection(self.host.address, self.rest, timeout=60)
        plain = socket.create_connection((self.host.address, self.rest), timeout=60)
        connection.sock = self.context().wrap_socket(plain, server_hostname=self.name or self.host.address)
        try:
            connection.putrequest(method, path)
            content = body.encode() if isinstance(body, str) else body
            for name, value in {**(headers or {}), **({"Content-Length": str(len(content))} if content is not None else {})}.items():
                connection.putheader(name, value)
            connection.endheaders()
            try:
                for start in range(0, len(content or b""), 1 << 20):
                    connection.send(content[start : start + (1 << 20)])
            except OSError:
                pass  # the answer came before the body's end
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read().decode("utf-8", "replace"))
        finally:
            connection.close()

    def client(self, key: str, prefer_grpc: bool = False, timeout: int = 30) -> QdrantClient:
        trust = Path(self.ca).read_bytes()
        options = {"root_certificates": trust} if prefer_grpc else None
        return QdrantClient(
            url=self.url, grpc_port=self.grpc, api_key=key, prefer_grpc=prefer_grpc, verify=self.ca, timeout=timeout, grpc_options=options,
            check_compatibility=False,
        )  # fmt: skip

    def served(self, port: int | None = None) -> bytes:
        """The certificate that it serves, verified."""
        context = ssl.create_default_context(cafile=self.ca)
        with (
            socket.create_connection((self.host.address, port or self.rest), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=self.name or self.host.address) as secure,
        ):
            return secure.getpeercert(binary_form=True)

    def log(self, since: float) -> str:
        return self.host.run("journalctl --no-pager -o cat -u qdrant-proxy --since=@%d" % int(since))


@contextlib.contextmanager
def settings(deployment, **values):
    """Settings of the proxies, as a user writes them, for a while."""
    path = deployment.inventory / "group_vars/qdrant_proxy/trial.yml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    try:
        yield
    finally:
        path.unlink()


def wait_for(condition, seconds: float = 30.0):
    """What the condition gives, as soon as it is true."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, "it did not come true in %d s" % seconds
        time.sleep(0.2)
