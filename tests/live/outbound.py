# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers with certificates of chosen CAs, for tests of whom a node's outgoing connections trust: who gets through to them is told."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority
from cryptography.hazmat.primitives.asymmetric import ec

COLLECTION = "outbound"
# Says in a file which path was asked for on which port, by whoever took the certificate, and has nothing to give.
TRAP = """
import http.server, ssl, sys, threading
address, folder = sys.argv[1:3]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open("/run/traps/called", "a") as file:
            file.write("%d %s\\n" % (self.server.server_port, self.path))
        self.send_error(404)
    do_HEAD = do_GET
for word in sys.argv[3:]:
    server = http.server.ThreadingHTTPServer((address, int(word)), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder + "/%s.pem" % word)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever).start()
"""


def certificate(ca: tuple[str, str], address: str, names: list[str]) -> str:
    """A certificate of a CA (PEM texts of certificate and key) with its key, as one PEM text."""
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _authority.load(*ca, now, timedelta(0), _authority.IN_USE)
    wanted = _certificate.Wanted("trap", names, [address], "ecdsa-p256", authority.pem(), authority.pem(), purposes=("serverAuth",))
    return _authority.sign(authority, _certificate.request_for(key, wanted), wanted, now, timedelta(days=2)) + _certificate.key_pem(key)


class Traps:
    """On a host, a server for each of several CAs, by port."""

    def __init__(self, host, cas: dict[int, tuple[str, str]], folder: Path, names: list[str]) -> None:
        self.host = host
        self._ports = sorted(cas)
        host.run("mkdir -p -m 0700 /run/traps; rm -f /run/traps/called")
        for port, ca in cas.items():
            (folder / ("%d.pem" % port)).write_text(certificate(ca, host.address, names))
            host.put(str(folder / ("%d.pem" % port)), "/run/traps/%d.pem" % port)
        (folder / "trap.py").write_text(TRAP)
        host.put(str(folder / "trap.py"), "/run/traps/trap.py")

    def __enter__(self) -> Traps:
        words = " ".join(map(str, self._ports))
        self.host.run(
            f"systemctl stop traps 2>/dev/null; systemd-run --quiet --collect --unit=traps python3 /run/traps/trap.py {self.host.address} /run/traps {words}; "
            f'for port in {words}; do for _try in $(seq 100); do [ -z "$(ss -Hltn "sport = :$port")" ] || continue 2; sleep 0.1; done; exit 1; done'
        )
        return self

    def __exit__(self, *_failure) -> None:
        self.host.run("systemctl stop traps; rm -rf /run/traps", check=False)

    def was_asked(self, port: int, path: str) -> bool:
        return "%d /%s\n" % (port, path) in self.host.run("cat /run/traps/called 2>/dev/null || true")


def call(deployment, node, method: str, path: str, body: dict | None = None) -> tuple[int, str]:
    """A request with the API key; its status and text."""
    request = urllib.request.Request(f"https://{node.address}:6333{path}", method=method, data=json.dumps(body).encode() if body is not None else None)
    request.add_header("api-key", deployment.secrets["qdrant_api_key"])
    request.add_header("content-type", "application/json")
    try:
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=deployment.ca), timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def gets_through(deployment, node, traps: Traps, place: str, port: int, path: str) -> bool:
    """Have a node fetch a snapshot from a trap, named by address or name; whether it took the trap's certificate."""
    call(deployment, node, "PUT", f"/collections/{COLLECTION}", {"vectors": {"size": 2, "distance": "Dot"}})
    body = {"location": "https://%s:%d/%s" % (place, port, path)}
    status, text = call(deployment, node, "PUT", f"/collections/{COLLECTION}/snapshots/recover", body)
    assert status >= 400 and status != 403, text
    return traps.was_asked(port, path)
