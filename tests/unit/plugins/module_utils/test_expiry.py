# Copyright (c) 2026, The hardened.qdrant authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long certificates are valid: asked of a real TLS server, and judged."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from ansible_collections.hardened.qdrant.plugins.module_utils import _certificate, _expiry, _wire
from ansible_collections.hardened.qdrant.plugins.plugin_utils import _authority

NOW = datetime.now(UTC)
CA = _authority.load(*_authority.create("test", NOW), NOW, timedelta(days=90))
WANTED = _certificate.Wanted("node1", ["node1"], ["127.0.0.1"], "ecdsa-p256", CA.pem(), CA.pem())


def issue(store, days=90):
    pending, request = store.make_request(WANTED)
    store.install(pending, _authority.sign(CA, request, WANTED, NOW, timedelta(days=days)), CA.pem(), WANTED, NOW)


@pytest.fixture
def store(tmp_path):
    store = _certificate.Store(str(tmp_path / "tls"))
    issue(store)
    return store


@pytest.fixture
def port(store):
    """A server that serves what is in use now, whatever comes later."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(store.current, "tls.crt"), os.path.join(store.current, "tls.key"))
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _peer = listener.accept()
            except OSError:
                return
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                pass

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def test_what_is_served_is_compared_with_what_is_on_disk(store, port):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        targets = {"rest": _wire.Target("127.0.0.1", port), "grpc": _wire.Target("127.0.0.1", free.getsockname()[1])}
    seen = _expiry.observe(store, targets, NOW)
    assert seen["served"]["rest"]["on_disk"] is True and seen["served"]["grpc"] == {"error": "refused"}
    assert seen["not_served"] == ["grpc"] and seen["days_left"] == seen["disk"]["days_left"] == 90
    issue(store, days=80)
    seen = _expiry.observe(store, {"rest": targets["rest"]}, NOW)
    assert seen["not_served"] == ["rest"] and (seen["disk"]["days_left"], seen["served"]["rest"]["days_left"], seen["days_left"]) == (80, 90, 80)


def judged(disk, served, ca=900.0):
    def entry(days):
        return {"days_left": days, "not_after": "then", "issuer": "CN=test"}

    seen = {"disk": entry(disk), "served": {"rest": entry(served), "grpc": {"error": "refused"}}, "trusted": [entry(ca)]}
    return [len(found) for found in _expiry.judge(seen, 30, 7)]


@pytest.mark.parametrize(
    ("disk", "served", "ca", "expected"),
    [
        (90, 90, 900, [0, 0]),
        (29, 90, 900, [0, 1]),
        (29, 29, 29, [0, 3]),
        (90, 6.9, 900, [1, 0]),
        (6, 6, 6, [2, 1]),
        (30, 30, 30, [0, 0]),
        (7, 90, 900, [1, 0]),
        (7.1, 90, 900, [0, 1]),
    ],
)
def test_what_ends_too_soon(disk, served, ca, expected):
    assert judged(disk, served, ca) == expected
