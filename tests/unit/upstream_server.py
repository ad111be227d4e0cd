# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server on loopback that answers as upstream's API and an image's registry do, over TLS with a CA of its own; and as they never should."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import ssl
import threading
import typing as t
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority

Reply = t.Callable[[http.server.BaseHTTPRequestHandler], None]
INDEX = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}).encode()
ADVISORY = {
    "ghsa_id": "GHSA-2222-3333-4444",
    "cve_id": "CVE-2026-12345",
    "summary": "Answers twice",
    "severity": "high",
    "withdrawn_at": None,
    "vulnerabilities": [{"package": {"name": "qdrant"}, "vulnerable_version_range": ">= 1.18.0, < 1.19.2", "patched_versions": "1.19.2"}],
}


def digest(version: str, architecture: str) -> str:
    return hashlib.sha256(f"{version} {architecture}".encode()).hexdigest()


def release(version: str, **changes: t.Any) -> dict[str, t.Any]:
    """A release as GitHub's API describes it, as far as anybody reads it."""
    names = ("x86_64", "aarch64")
    assets = [{"name": f"qdrant-{name}-unknown-linux-musl.tar.gz", "state": "uploaded", "digest": "sha256:" + digest(version, name)} for name in names]
    return {
        "tag_name": "v" + version,
        "draft": False,
        "prerelease": False,
        "published_at": "2026-11-03T10:00:00Z",
        "assets": [*assets, {"name": "qdrant.deb", "digest": None}],
        **changes,
    }


def sends(body: bytes | t.Any, status: int = 200, **headers: str) -> Reply:
    """An answer; what is no bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def reply(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        with contextlib.suppress(OSError):  # who has read enough closes
            handler.wfile.write(content)

    return reply


@dataclass
class Upstream:
    """The server: ``replies`` by path without a query, ``asked`` the requests that it saw. ``stop`` ends answers that wait."""

    port: int
    ca_file: str
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return f"https://{self.host}/repos/qdrant/qdrant"

    @property
    def image(self) -> str:
        return self.host + "/qdrant/qdrant:v{version}-unprivileged"

    def usual(self, *versions: str) -> None:
        """Answer as upstream does, with these releases."""
        self.replies = {
            "/repos/qdrant/qdrant/releases": sends([release(version) for version in versions]),
            "/repos/qdrant/qdrant/security-advisories": sends([ADVISORY]),
            **{f"/v2/qdrant/qdrant/manifests/v{version}-unprivileged": self.registry for version in versions},
            "/token": sends({"token": "abc.def"}),
        }

    def registry(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Answer as a registry does: with a challenge first."""
        if handler.headers.get("Authorization") == "Bearer abc.def":
            sends(INDEX, Docker_Content_Digest="sha256:" + hashlib.sha256(INDEX).hexdigest())(handler)
        else:
            challenge = f'Bearer realm="https://{self.host}/token",service="test",scope="repository:qdrant/qdrant:pull"'
            sends({}, 401, WWW_Authenticate=challenge)(handler)

    def arguments(self) -> dict[str, t.Any]:
        """What a task says to ask this server."""
        return {"api_url": self.api, "image": self.image, "ca_file": self.ca_file, "timeout": 20}


@pytest.fixture(scope="session")
def certified(tmp_path_factory) -> tuple[ssl.SSLContext, str]:
    """A context of TLS for 127.0.0.1, and the file of its CA."""
    folder: Path = tmp_path_factory.mktemp("upstream")
    now, life = datetime.now(UTC), timedelta(days=1)
    authority = _authority.load(*_authority.create("upstream", now), now, life)
    wanted = _certificate.Wanted("upstream", [], ["127.0.0.1"], "ecdsa-p256", authority.pem(), authority.pem())
    store = _certificate.Store(str(folder / "tls"))
    pending, request = store.make_request(wanted)
    store.install(pending, _authority.sign(authority, request, wanted, now, life), authority.pem(), wanted, now)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "tls/current/tls.crt", folder / "tls/current/tls.key")
    (folder / "ca.crt").write_text(authority.pem())
    return context, str(folder / "ca.crt")


@pytest.fixture
def upstream(certified) -> t.Iterator[Upstream]:
    context, ca_file = certified

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append((self.path, dict(self.headers)))
            served.replies.get(self.path.partition("?")[0], sends({}, 404))(self)

        def log_message(self, *_arguments: t.Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_arguments: t.Any) -> None:
            pass  # who asks may go away

    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    served = Upstream(server.server_address[1], ca_file)
    served.usual("1.20.1", "1.20.0", "1.19.1", "1.18.3")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield served
    served.stop.set()
    server.shutdown()
    server.server_close()
    thread.join(timeout=5)
