# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Vault's PKI engine answers by its documentation."""

from __future__ import annotations

import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography import x509
from helpers import pem


class Vault:
    """Answers one request of the API of HashiCorp Vault, as its documentation says, and writes down what it was asked. Not a Vault."""

    def __init__(self, folder: Path, office, token: str) -> None:
        self.office, self.token = office, token
        self.asked: list[tuple[str, str, dict]] = []
        self.without: tuple = ()
        key, chain = office.issue("127.0.0.1")
        (folder / "vault.pem").write_text(key + chain, encoding="ascii")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "vault.pem")
        self.ca = folder / "vault-ca.pem"
        self.ca.write_text(pem(office.root), encoding="ascii")
        vault = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                vault.asked.append((self.command + " " + self.path, self.headers.get("X-Vault-Namespace", ""), body))
                allowed = self.headers.get("X-Vault-Token") == vault.token
                self._answer(200, {"data": vault.sign(body)}) if allowed else self._answer(403, {"errors": ["permission denied"]})

            do_PUT = do_POST

            def _answer(self, code: int, answer: dict) -> None:
                text = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_words: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = "https://127.0.0.1:%d" % self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def sign(self, body: dict) -> dict:
        chain = self.office.sign(x509.load_pem_x509_csr(body["csr"].encode()), without=self.without)
        end = chain.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")
        between = chain[end:].strip()
        return {"certificate": chain[:end], "issuing_ca": between, "ca_chain": [between, pem(self.office.root).strip()], "serial_number": "00"}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
